package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// Calls that outlive the window get this long to end by themselves.
const grace = 10 * time.Second

// tally is what happened inside the window.
type tally struct {
	latencies []time.Duration
	messages  int64
	errors    int64
	firstErr  error
}

// driver keeps `concurrency` calls in flight until told to stop.
type driver struct {
	options
	connections []*grpc.ClientConn
	open        atomic.Bool  // the window is open
	stopped     atomic.Bool  // no new calls
	done        atomic.Int64 // calls ended inside the window
	full        chan struct{}
	once        sync.Once
	workers     sync.WaitGroup
	tallies     []tally
}

func newDriver(o options) (*driver, error) {
	d := &driver{options: o, full: make(chan struct{}), tallies: make([]tally, o.concurrency)}
	for range max(1, min(o.connections, o.concurrency)) {
		connection, err := grpc.NewClient("passthrough:///"+o.target,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{}), grpc.WaitForReady(true)))
		if err != nil {
			return nil, err
		}
		d.connections = append(d.connections, connection)
	}
	return d, nil
}

// start spreads the first calls over the warm-up, so that paced streams do not march in step.
func (d *driver) start(ctx context.Context) {
	for i := range d.concurrency {
		d.workers.Add(1)
		go func() {
			defer d.workers.Done()
			time.Sleep(d.warmup * time.Duration(i) / time.Duration(d.concurrency))
			for !d.stopped.Load() {
				d.record(&d.tallies[i], ctx, d.connections[i%len(d.connections)])
			}
		}()
	}
}

// stop lets the calls in flight end, cancels those that do not, and hangs up.
func (d *driver) stop(cancel context.CancelFunc) {
	d.stopped.Store(true)
	late := time.AfterFunc(grace, cancel)
	d.workers.Wait()
	late.Stop()
	for _, connection := range d.connections {
		connection.Close()
	}
}

func (d *driver) record(t *tally, ctx context.Context, connection *grpc.ClientConn) {
	began := time.Now()
	bytes, messages, err := d.call(ctx, connection)
	took := time.Since(began)
	if err == nil && bytes < d.minBytes {
		err = fmt.Errorf("an answer of %d bytes, expected at least %d", bytes, d.minBytes)
	}
	if err != nil {
		time.Sleep(10 * time.Millisecond) // a server that refuses at once is not to be hammered
	}
	if !d.open.Load() {
		return
	}
	if err != nil {
		t.errors++
		t.firstErr = err
		return
	}
	t.latencies = append(t.latencies, took)
	t.messages += int64(messages)
	if d.done.Add(1) == d.calls {
		d.once.Do(func() { close(d.full) })
	}
}

func (d *driver) call(ctx context.Context, connection *grpc.ClientConn) (bytes, messages int, err error) {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, d.metadata...), d.deadline)
	defer cancel()
	if !d.stream {
		err = connection.Invoke(ctx, d.method, d.request, &bytes)
		return bytes, 1, err
	}
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, d.method)
	if err != nil {
		return 0, 0, err
	}
	if err = errors.Join(stream.SendMsg(d.request), stream.CloseSend()); err != nil {
		return 0, 0, err
	}
	for {
		switch err = stream.RecvMsg(&bytes); {
		case errors.Is(err, io.EOF):
			return bytes, messages, nil
		case err != nil:
			return bytes, messages, err
		}
		messages++
	}
}
