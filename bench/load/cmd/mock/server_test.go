package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go newServer().serve(listener)
	return "http://" + listener.Addr().String()
}

func post(t *testing.T, url, body string) *http.Response {
	t.Helper()
	response, err := http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestAnswersACallWithOneKilobyteOfText(t *testing.T) {
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
		Usage   struct {
			Total int `json:"total_tokens"`
		}
	}
	if err := json.NewDecoder(post(t, start(t), `{"model":"mock-unary"}`).Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if got := len(answer.Choices[0].Message.Content); got != answerLen {
		t.Errorf("%d bytes of text, expected %d", got, answerLen)
	}
	if answer.Usage.Total <= 512 {
		t.Errorf("%d tokens in all, expected more than the prompt's 512", answer.Usage.Total)
	}
}

func TestStreamsAsManyChunksAsTheNameSaysAndCountsThem(t *testing.T) {
	for _, model := range []string{"mock-n7-d0", "mock-n7-d1"} {
		url := start(t)
		texts, done := readEvents(t, post(t, url, `{"model":"`+model+`","stream":true}`).Body)
		if want := strings.Repeat(word, 7); texts != want {
			t.Errorf("%s: text %q, expected %q", model, texts, want)
		}
		if !done {
			t.Errorf("%s: no [DONE]", model)
		}
		response, err := http.Get(url + "/counters")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		counters, _ := io.ReadAll(response.Body)
		if want := `{"calls":1,"chunks":7}`; string(counters) != want {
			t.Errorf("%s: counters %s, expected %s", model, counters, want)
		}
	}
}

func TestPacedChunksTakeTheirTime(t *testing.T) {
	began := time.Now()
	readEvents(t, post(t, start(t), `{"model":"mock-n5-d10","stream":true}`).Body)
	// A lower bound: however slow the machine, five pauses are never shorter.
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("took %v, expected at least 50 ms", took)
	}
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	if got := post(t, start(t), `{}`).StatusCode; got != http.StatusBadRequest {
		t.Errorf("status %d without a model, expected 400", got)
	}
}

func readEvents(t *testing.T, body io.Reader) (texts string, done bool) {
	t.Helper()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, isEvent := strings.CutPrefix(lines.Text(), "data: ")
		if !isEvent {
			continue
		}
		if data == "[DONE]" {
			return texts, true
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		for _, choice := range chunk.Choices {
			texts += choice.Delta.Content
		}
	}
	return texts, false
}
