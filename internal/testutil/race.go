//go:build race

package testutil

// RaceEnabled tells whether the tests run with the race detector, which takes several times the memory.
const RaceEnabled = true
