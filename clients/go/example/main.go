// The example makes one call of each kind and exits 0 only when every step did what it should.
//
//	go run ./example 127.0.0.1:50051 [127.0.0.1:50052]
//
// The address may also come from HEXGATE_ADDRESS, a token from HEXGATE_TOKEN. With the address of the
// admin port as well, it does what operators do too.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	hexgate "hexgate.dev/go"
	pb "hexgate.dev/go/hexgate/v1"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(1)
	}
}

func run() error {
	conn, err := hexgate.Dial(address(), hexgate.Options{
		Token:          os.Getenv("HEXGATE_TOKEN"),
		PlaintextToken: true, // the example talks to a gateway on the same machine
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := pb.NewCompletionServiceClient(conn)
	embedded := func(ctx context.Context, _ pb.CompletionServiceClient) error {
		return embed(ctx, pb.NewEmbeddingServiceClient(conn))
	}
	spent := func(ctx context.Context, client pb.CompletionServiceClient) error {
		return usage(ctx, client, pb.NewUsageServiceClient(conn))
	}
	for _, step := range []func(context.Context, pb.CompletionServiceClient) error{
		unary, stream, tools, embedded, spent, failures, cancelled,
	} {
		if err := step(ctx, client); err != nil {
			return err
		}
	}
	if len(os.Args) > 2 {
		return operate(ctx, os.Args[2])
	}
	return nil
}

func address() string {
	if len(os.Args) > 1 {
		return os.Args[1]
	}
	return cmp.Or(os.Getenv("HEXGATE_ADDRESS"), "127.0.0.1:50051")
}

func unary(ctx context.Context, client pb.CompletionServiceClient) error {
	answer, err := client.Complete(ctx, &pb.CompleteRequest{Spec: ask("sim/sim-echo", "Hello, gateway!")})
	if err != nil {
		return fmt.Errorf("unary: %w", hexgate.Explain(err))
	}
	if text(answer.GetMessage()) == "" {
		return fmt.Errorf("unary: the answer has no text: %v", answer)
	}
	fmt.Printf("unary: %q, %d output tokens\n", text(answer.GetMessage()), answer.GetUsage().GetOutputTokens())
	return nil
}

func stream(ctx context.Context, client pb.CompletionServiceClient) error {
	events, err := client.StreamComplete(ctx, &pb.StreamCompleteRequest{Spec: ask("sim/sim-story", "Tell me a story.")})
	if err != nil {
		return fmt.Errorf("stream: %w", hexgate.Explain(err))
	}
	pieces, finished := 0, false
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("stream: %w", hexgate.Explain(err))
		}
		switch event.GetEvent().(type) {
		case *pb.StreamCompleteResponse_Text:
			pieces++
		case *pb.StreamCompleteResponse_Finished:
			finished = true
		}
	}
	if pieces == 0 || !finished {
		return fmt.Errorf("stream: %d pieces of text, finished %v", pieces, finished)
	}
	fmt.Printf("stream: %d pieces of text\n", pieces)
	return nil
}

func tools(ctx context.Context, client pb.CompletionServiceClient) error {
	spec := ask("sim/sim-tools", "What is the weather in Paris?")
	spec.Tools = []*pb.ToolDefinition{{
		Name:                 "get_weather",
		Description:          "Tells the weather of a city.",
		ParametersSchemaJson: `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`,
	}}
	asked, err := client.Complete(ctx, &pb.CompleteRequest{Spec: spec})
	if err != nil {
		return fmt.Errorf("tools: %w", hexgate.Explain(err))
	}
	results := &pb.Message{Role: pb.Role_ROLE_TOOL}
	for _, part := range asked.GetMessage().GetParts() {
		if call := part.GetToolCall(); call != nil {
			fmt.Printf("tools: the model calls %s(%s)\n", call.GetName(), call.GetArgumentsJson())
			results.Parts = append(results.Parts, &pb.ContentPart{Kind: &pb.ContentPart_ToolResult{
				ToolResult: &pb.ToolResult{CallId: call.GetCallId(), Parts: parts("18 degrees and sunny")},
			}})
		}
	}
	if len(results.Parts) == 0 || asked.GetFinishReason() != pb.FinishReason_FINISH_REASON_TOOL_CALLS {
		return fmt.Errorf("tools: the model called none: %v", asked)
	}
	// The assistant's message goes back unchanged: providers check ids and reasoning signatures.
	spec.Messages = append(spec.Messages, asked.GetMessage(), results)
	answer, err := client.Complete(ctx, &pb.CompleteRequest{Spec: spec})
	if err != nil {
		return fmt.Errorf("tools: %w", hexgate.Explain(err))
	}
	if text(answer.GetMessage()) == "" {
		return fmt.Errorf("tools: the answer has no text: %v", answer)
	}
	fmt.Printf("tools: %q\n", text(answer.GetMessage()))
	return nil
}

func embed(ctx context.Context, client pb.EmbeddingServiceClient) error {
	request := &pb.EmbedRequest{
		Model:   "sim/sim-echo",
		Inputs:  []*pb.EmbedInput{{Parts: parts("a quiet harbour")}, {Parts: parts("a busy gate")}},
		Purpose: pb.EmbedPurpose_EMBED_PURPOSE_DOCUMENT,
	}
	answer, err := client.Embed(ctx, request)
	if err != nil {
		return fmt.Errorf("embed: %w", hexgate.Explain(err))
	}
	vectors := answer.GetEmbeddings()
	if len(vectors) != len(request.Inputs) || len(vectors[0].GetValues()) == 0 {
		return fmt.Errorf("embed: %d vectors for %d inputs", len(vectors), len(request.Inputs))
	}
	fmt.Printf("embed: %d vectors of %d numbers\n", len(vectors), len(vectors[0].GetValues()))
	return nil
}

func usage(ctx context.Context, client pb.CompletionServiceClient, reports pb.UsageServiceClient) error {
	session := "example-go"
	_, err := client.Complete(ctx, &pb.CompleteRequest{
		Spec:    ask("sim/sim-echo", "Hello, ledger!"),
		Options: &pb.CallOptions{Attribution: &pb.Attribution{SessionId: session}},
	})
	if err != nil {
		return fmt.Errorf("usage: %w", hexgate.Explain(err))
	}
	report, err := reports.SummarizeUsage(ctx, &pb.SummarizeUsageRequest{Filter: &pb.UsageFilter{SessionId: session}})
	if err != nil {
		return fmt.Errorf("usage: %w", hexgate.Explain(err))
	}
	cost := report.GetSummaries()[0].GetCost().GetTotalNanos()
	if cost == 0 {
		return fmt.Errorf("usage: the session cost nothing: %v", report)
	}
	fmt.Printf("usage: the session cost %d billionths of a dollar\n", cost)
	return nil
}

func failures(ctx context.Context, client pb.CompletionServiceClient) error {
	_, err := client.Complete(ctx, &pb.CompleteRequest{Spec: ask("sim/no-such-model", "Hello")})
	unknown := hexgate.Explain(err)
	if unknown == nil || unknown.Code != codes.NotFound || unknown.Reason != "MODEL_NOT_FOUND" {
		return fmt.Errorf("errors: expected MODEL_NOT_FOUND, found %v", err)
	}
	fmt.Printf("errors: %s for model %s\n", unknown.Reason, unknown.Metadata["model"])

	once := int32(1)
	_, err = client.Complete(ctx, &pb.CompleteRequest{
		Spec:    ask("sim/fault-limited-seconds", "Hello"),
		Options: &pb.CallOptions{Routing: &pb.RoutingPolicy{MaxAttempts: &once}},
	})
	limited := hexgate.Explain(err)
	if limited == nil || limited.Reason != "PROVIDER_RATE_LIMITED" || limited.RetryAfter == nil {
		return fmt.Errorf("errors: expected PROVIDER_RATE_LIMITED with a retry time, found %v", err)
	}
	fmt.Printf("errors: %s, retry after %s\n", limited.Reason, limited.RetryAfter)
	return nil
}

func cancelled(ctx context.Context, client pb.CompletionServiceClient) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := client.StreamComplete(ctx, &pb.StreamCompleteRequest{Spec: ask("sim/slow-100", "Tell me a story.")})
	for err == nil {
		var event *pb.StreamCompleteResponse
		if event, err = events.Recv(); event.GetText() != nil {
			cancel() // the gateway closes the provider's connection; what was delivered is charged
		}
	}
	if problem := hexgate.Explain(err); problem.Code != codes.Canceled {
		return fmt.Errorf("cancel: %w", problem)
	}
	fmt.Println("cancel: the stream ended as cancelled")
	return nil
}

func ask(model, question string) *pb.CompletionSpec {
	return &pb.CompletionSpec{
		Model:    model,
		Messages: []*pb.Message{{Role: pb.Role_ROLE_USER, Parts: parts(question)}},
	}
}

func parts(text string) []*pb.ContentPart {
	return []*pb.ContentPart{{Kind: &pb.ContentPart_Text{Text: &pb.TextPart{Text: text}}}}
}

func text(message *pb.Message) string {
	var out strings.Builder
	for _, part := range message.GetParts() {
		out.WriteString(part.GetText().GetText())
	}
	return out.String()
}
