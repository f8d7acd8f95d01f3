// Package guard follows whether the sensor itself runs: the canaries that it must see come back, the clocks that tell a
// stop from a suspended machine, and the file by which the next start learns how the last run ended.
package guard
