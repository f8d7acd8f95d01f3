//go:build !amd64

package kernel

var archTriggers = map[string]func(args []string) (any, error){}

const mapLow = 0

// archCall would make a call by another entry; there is none.
var archCall func(name string, path uintptr) (callFacts, error)
