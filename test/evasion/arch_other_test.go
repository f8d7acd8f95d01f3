//go:build !amd64

package evasion

var archTechniques []technique
