// Package pb is the generated code of mls_client.proto, the interface by which a test runner drives MLS implementations. To generate it
// anew: protoc of Debian's protobuf-compiler, with protoc-gen-go and protoc-gen-go-grpc from the module proxy.
package pb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative mls_client.proto
