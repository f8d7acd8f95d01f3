//go:build !amd64

package kernel

var archTriggers = map[string]func(args []string) (any, error){}
