// Command load calls one gRPC method as fast as it is answered and prints, as one JSON object, how
// many calls and provider chunks went through and what they cost the server in CPU time.
//
// It sends request bytes made elsewhere and does not decode what comes back, so that it stays far
// from being the slow part; its own CPU share is in the result to prove it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"
)

// options of one measurement.
type options struct {
	target      string
	method      string
	request     []byte
	metadata    []string // key, value, key, value, …
	stream      bool
	concurrency int
	connections int
	deadline    time.Duration
	warmup      time.Duration
	window      time.Duration
	calls       int64 // ends the window early; 0 does not
	minBytes    int   // a call that delivers less is an error
	pids        []int
	mockPid     int
	counters    string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("load: ")
	options, err := parse()
	if err != nil {
		log.Fatal(err)
	}
	report, err := measure(options)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		log.Fatal(err)
	}
}

func parse() (o options, err error) {
	var request, pids, metadata string
	flag.StringVar(&o.target, "target", "", "address of the server")
	flag.StringVar(&o.method, "method", "/hexgate.v1.CompletionService/Complete", "full method name")
	flag.StringVar(&request, "request", "", "file that holds the serialized request")
	flag.StringVar(&metadata, "metadata", "", "key=value,key=value sent with each call")
	flag.BoolVar(&o.stream, "stream", false, "the method streams its answer")
	flag.IntVar(&o.concurrency, "concurrency", 32, "calls in flight")
	flag.IntVar(&o.connections, "connections", 4, "HTTP/2 connections they share")
	flag.DurationVar(&o.deadline, "deadline", time.Minute, "time each call is given, as callers should")
	flag.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "load before the window opens")
	flag.DurationVar(&o.window, "window", 2*time.Second, "length of the window")
	flag.Int64Var(&o.calls, "calls", 0, "close the window after this many calls; 0 goes by time alone")
	flag.IntVar(&o.minBytes, "min-bytes", 1, "a call that delivers fewer bytes is an error")
	flag.StringVar(&pids, "pids", "", "processes of the server, comma separated")
	flag.IntVar(&o.mockPid, "mock-pid", 0, "process of the mock provider, to report its CPU share")
	flag.StringVar(&o.counters, "counters", "", "URL of the mock's counters; needed to count chunks")
	flag.Parse()
	if o.target == "" || request == "" {
		return o, fmt.Errorf("-target and -request are required")
	}
	if o.request, err = os.ReadFile(request); err != nil {
		return o, err
	}
	for _, pair := range split(metadata) {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return o, fmt.Errorf("-metadata %q is not key=value", pair)
		}
		o.metadata = append(o.metadata, key, value)
	}
	for _, word := range split(pids) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return o, fmt.Errorf("-pids: %q is not a process id", word)
		}
		o.pids = append(o.pids, pid)
	}
	return o, nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
