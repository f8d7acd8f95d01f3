// Package falcopb holds the wire format of Falco's gRPC services. What protoc makes of it is committed and never edited;
// `make generate-proto` renews it.
package falcopb

//go:generate ./generate
