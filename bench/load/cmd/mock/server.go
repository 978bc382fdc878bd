package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

var modelField = regexp.MustCompile(`"model"\s*:\s*"([^"]+)"`)

// server answers HTTP/1.1 with a loop of its own: net/http costs three times as much per request,
// and the mock shares its core with the load generator.
type server struct {
	scripts sync.Map     // model name -> *rehearsed
	calls   atomic.Int64 // completions begun
	chunks  atomic.Int64 // text deltas sent
}

type rehearsed struct {
	*script
	whole []byte // the stream in one piece, for scripts without a pause
}

func newServer() *server { return &server{} }

func (s *server) serve(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go s.converse(connection)
	}
}

// converse answers requests until the caller hangs up, which is the usual end of a connection.
func (s *server) converse(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 16<<10)
	for {
		path, body, err := readRequest(reader)
		if err != nil {
			return
		}
		if err := s.answer(connection, path, body); err != nil {
			return
		}
	}
}

func (s *server) answer(w io.Writer, path string, body []byte) error {
	switch {
	case path == "/counters":
		return respond(w, "200 OK", fmt.Sprintf(`{"calls":%d,"chunks":%d}`, s.calls.Load(), s.chunks.Load()))
	case path == "/v1/models":
		return respond(w, "200 OK", `{"object":"list","data":[]}`)
	case path != "/v1/chat/completions":
		return respond(w, "404 Not Found", `{"error":{"message":"mock: unknown path","type":"invalid_request_error"}}`)
	}
	found := modelField.FindSubmatch(body)
	if found == nil {
		return respond(w, "400 Bad Request", `{"error":{"message":"mock: no model","type":"invalid_request_error"}}`)
	}
	part := s.script(string(found[1]))
	s.calls.Add(1)
	switch {
	case !bytes.Contains(body, []byte(`"stream":true`)) && !bytes.Contains(body, []byte(`"stream": true`)):
		_, err := w.Write(part.unary)
		return err
	case part.delay == 0:
		s.chunks.Add(int64(part.chunks))
		_, err := w.Write(part.whole)
		return err
	default:
		return s.pace(w, part)
	}
}

// pace keeps to a timetable that starts with the request, so that a late chunk delays no other.
func (s *server) pace(w io.Writer, part *rehearsed) error {
	due := time.Now()
	if _, err := w.Write(part.head); err != nil {
		return err
	}
	for range part.chunks {
		due = due.Add(part.delay)
		time.Sleep(time.Until(due))
		if _, err := w.Write(part.chunk); err != nil {
			return err
		}
		s.chunks.Add(1)
	}
	_, err := w.Write(part.tail)
	return err
}

func (s *server) script(model string) *rehearsed {
	if known, ok := s.scripts.Load(model); ok {
		return known.(*rehearsed)
	}
	script := newScript(model)
	known, _ := s.scripts.LoadOrStore(model, &rehearsed{script, script.burst()})
	return known.(*rehearsed)
}

func respond(w io.Writer, status, body string) error {
	_, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, len(body), body)
	return err
}

// readRequest returns the path and the body of the next request. Bodies must carry a length.
func readRequest(reader *bufio.Reader) (path string, body []byte, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return "", nil, err
	}
	words := bytes.Fields(line)
	if len(words) != 3 {
		return "", nil, fmt.Errorf("mock: not a request line: %q", line)
	}
	path = string(words[1])
	length := 0
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return "", nil, err
		}
		name, value, isField := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		if !isField {
			break
		}
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return "", nil, err
			}
		}
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			return "", nil, fmt.Errorf("mock: request bodies must have a Content-Length")
		}
	}
	body = make([]byte, length)
	_, err = io.ReadFull(reader, body)
	return path, body, err
}
