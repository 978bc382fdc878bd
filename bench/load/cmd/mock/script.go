package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The words of a stream, one per chunk, and the length of a unary answer.
const (
	word      = " brook"
	answerLen = 1024
)

// What a vendor's edge sends besides the body; a caller pays for parsing these.
const vendorHeaders = "Date: Fri, 20 Nov 2026 12:00:00 GMT\r\n" +
	"Access-Control-Expose-Headers: X-Request-ID\r\n" +
	"Openai-Organization: bench\r\n" +
	"Openai-Processing-Ms: 1\r\n" +
	"Openai-Version: 2020-10-01\r\n" +
	"X-Ratelimit-Limit-Requests: 10000\r\n" +
	"X-Ratelimit-Limit-Tokens: 2000000\r\n" +
	"X-Ratelimit-Remaining-Requests: 9999\r\n" +
	"X-Ratelimit-Remaining-Tokens: 1999000\r\n" +
	"X-Ratelimit-Reset-Requests: 6ms\r\n" +
	"X-Ratelimit-Reset-Tokens: 30ms\r\n" +
	"X-Request-Id: req_5b1c7f6e2d904a3f8f0e6d7c8b9a0f1e\r\n" +
	"Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n" +
	"X-Content-Type-Options: nosniff\r\n" +
	"Server: mock\r\n"

var paced = regexp.MustCompile(`-n(\d{1,6})-d(\d{1,6})$`)

// script is everything the mock says for one model, as bytes ready to send.
type script struct {
	unary  []byte        // a whole response
	head   []byte        // response head of a stream and its first event, which carries the role
	chunk  []byte        // one text delta
	tail   []byte        // finish reason, usage, [DONE] and the end of the body
	chunks int           // text deltas of a stream
	delay  time.Duration // before each of them; 0 sends the whole stream in one write
}

// newScript reads the behaviour from the model's name: `…-n200-d0` streams 200 chunks without a
// pause, `…-n100-d10` streams 100 chunks 10 ms apart, any other name streams 20 without a pause.
func newScript(model string) *script {
	s := &script{chunks: 20, unary: unary(model)}
	if found := paced.FindStringSubmatch(model); found != nil {
		s.chunks, _ = strconv.Atoi(found[1]) // the pattern admits digits only
		milliseconds, _ := strconv.Atoi(found[2])
		s.delay = time.Duration(milliseconds) * time.Millisecond
	}
	s.head = append([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"+
		"Cache-Control: no-cache\r\nConnection: keep-alive\r\n"+vendorHeaders+
		"Transfer-Encoding: chunked\r\n\r\n"),
		event(model, `[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},`+
			`"logprobs":null,"finish_reason":null}]`, "null")...)
	s.chunk = event(model, fmt.Sprintf(
		`[{"index":0,"delta":{"content":%q},"logprobs":null,"finish_reason":null}]`, word), "null")
	s.tail = append(event(model, `[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]`, "null"),
		event(model, "[]", usage(s.chunks))...)
	s.tail = append(s.tail, chunked("data: [DONE]\n\n")...)
	s.tail = append(s.tail, "0\r\n\r\n"...)
	return s
}

// burst is a whole stream as one run of bytes.
func (s *script) burst() []byte {
	whole := append([]byte{}, s.head...)
	for range s.chunks {
		whole = append(whole, s.chunk...)
	}
	return append(whole, s.tail...)
}

func unary(model string) []byte {
	text := strings.Repeat(word, answerLen/len(word)+1)[:answerLen]
	body := fmt.Sprintf(`{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion",`+
		`"created":1795176000,"model":%q,"choices":[{"index":0,"message":{"role":"assistant",`+
		`"content":%q,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],`+
		`"usage":%s,"service_tier":"default","system_fingerprint":"fp_0123456789"}`,
		model, text, usage(answerLen/len(word)))
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: keep-alive\r\n%s"+
		"Content-Length: %d\r\n\r\n%s", vendorHeaders, len(body), body)
}

func event(model, choices, usage string) []byte {
	return chunked(fmt.Sprintf(`data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012",`+
		`"object":"chat.completion.chunk","created":1795176000,"model":%q,"service_tier":"default",`+
		`"system_fingerprint":"fp_0123456789","choices":%s,"usage":%s}`+"\n\n", model, choices, usage))
}

func usage(output int) string {
	return fmt.Sprintf(`{"prompt_tokens":512,"completion_tokens":%d,"total_tokens":%d,`+
		`"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},`+
		`"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,`+
		`"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`, output, 512+output)
}

func chunked(text string) []byte {
	return fmt.Appendf(nil, "%x\r\n%s\r\n", len(text), text)
}
