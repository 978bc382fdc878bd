package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// report is what is printed. CPU is of the server's processes unless named otherwise; a share of 1
// is one whole core.
type report struct {
	Seconds       float64 `json:"seconds"`
	Calls         int     `json:"calls"`
	Errors        int64   `json:"errors"`
	FirstError    string  `json:"first_error,omitempty"`
	Messages      int64   `json:"messages"`
	Chunks        int64   `json:"chunks"`
	CPUPerCallUs  float64 `json:"cpu_us_per_call"`
	CPUPerChunkUs float64 `json:"cpu_us_per_chunk"`
	P50Ms         float64 `json:"p50_ms"`
	P99Ms         float64 `json:"p99_ms"`
	RssMB         float64 `json:"rss_mb"`
	ServerShare   float64 `json:"server_cpu_share"`
	LoadShare     float64 `json:"load_cpu_share"`
	MockShare     float64 `json:"mock_cpu_share"`
}

// reading is the state of the world at one edge of the window.
type reading struct {
	at                 time.Time
	server, mock, self time.Duration
	chunks             int64
}

func measure(o options) (*report, error) {
	d, err := newDriver(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.start(ctx)
	time.Sleep(o.warmup)
	before, err := read(o)
	if err != nil {
		return nil, err
	}
	d.open.Store(true)
	select {
	case <-time.After(o.window):
	case <-d.full:
	}
	d.open.Store(false)
	after, err := read(o)
	if err != nil {
		return nil, err
	}
	rss, err := resident(o.pids)
	if err != nil {
		return nil, err
	}
	d.stop(cancel)
	r := summary(d.tallies, before, after)
	r.RssMB = rss
	return r, nil
}

func read(o options) (r reading, err error) {
	r.at = time.Now()
	if r.server, err = cpuTime(o.pids...); err != nil {
		return r, err
	}
	if o.mockPid != 0 {
		if r.mock, err = cpuTime(o.mockPid); err != nil {
			return r, err
		}
	}
	if r.self, err = ownCPUTime(); err != nil {
		return r, err
	}
	if o.counters != "" {
		r.chunks, err = chunksSent(o.counters)
	}
	return r, err
}

func chunksSent(url string) (int64, error) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var counters struct {
		Chunks int64 `json:"chunks"`
	}
	if err := json.NewDecoder(response.Body).Decode(&counters); err != nil {
		return 0, fmt.Errorf("%s: %w", url, err)
	}
	return counters.Chunks, nil
}

func summary(tallies []tally, before, after reading) *report {
	r := &report{Seconds: after.at.Sub(before.at).Seconds(), Chunks: after.chunks - before.chunks}
	var latencies []time.Duration
	for _, t := range tallies {
		latencies = append(latencies, t.latencies...)
		r.Messages += t.messages
		r.Errors += t.errors
		if t.firstErr != nil {
			r.FirstError = t.firstErr.Error()
		}
	}
	slices.Sort(latencies)
	r.Calls = len(latencies)
	r.P50Ms, r.P99Ms = quantile(latencies, 0.50), quantile(latencies, 0.99)
	r.CPUPerCallUs = per(after.server-before.server, int64(r.Calls))
	r.CPUPerChunkUs = per(after.server-before.server, r.Chunks)
	r.ServerShare = (after.server - before.server).Seconds() / r.Seconds
	r.MockShare = (after.mock - before.mock).Seconds() / r.Seconds
	r.LoadShare = (after.self - before.self).Seconds() / r.Seconds
	return r
}

func per(cpu time.Duration, count int64) float64 {
	if count == 0 {
		return 0
	}
	return float64(cpu.Nanoseconds()) / 1e3 / float64(count)
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))].Seconds() * 1e3
}
