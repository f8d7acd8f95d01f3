package output

import "errors"

// ErrAgain marks a sink's error that may pass: the same alert should be tried again.
var ErrAgain = errors.New("not delivered")
