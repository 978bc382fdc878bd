package main

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// raw passes message bytes through: requests are serialized already, answers are only measured.
type raw struct{}

// Marshal sends a []byte as it is.
func (raw) Marshal(message any) (mem.BufferSlice, error) {
	encoded, ok := message.([]byte)
	if !ok {
		return nil, fmt.Errorf("raw: cannot send a %T", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(encoded)}, nil
}

// Unmarshal adds the length of the answer to an *int.
func (raw) Unmarshal(answer mem.BufferSlice, length any) error {
	total, ok := length.(*int)
	if !ok {
		return fmt.Errorf("raw: cannot receive into a %T", length)
	}
	*total += answer.Len()
	return nil
}

// Name is that of the codec whose bytes these are.
func (raw) Name() string { return "proto" }
