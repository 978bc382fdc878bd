// Command mock is a provider that answers at once: OpenAI's chat completions over plain HTTP/1.1,
// with answers made before the first request comes, so that what is measured is its caller.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatalf("mock: %v", err)
	}
	fmt.Printf("mock ready: %s\n", listener.Addr())
	log.Fatal(newServer().serve(listener))
}
