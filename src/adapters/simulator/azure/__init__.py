"""The wire of Azure OpenAI: chat completions with a filter around them."""
