package scap

import (
	"errors"
	"fmt"
)

// What an Error wraps, for callers that tell the cases apart.
var (
	// ErrTruncated: the file ends within a block, as it does when its recorder was killed.
	ErrTruncated = errors.New("the capture is cut off")
	// ErrDamaged: the bytes contradict each other or the format.
	ErrDamaged = errors.New("the capture is damaged")
	// ErrFormat: the file is something else, or of a form that is not read.
	ErrFormat = errors.New("the file cannot be read")
)

// Error says what is wrong with a capture. All that stands before it was delivered.
type Error struct {
	// Offset is that of the block, in bytes of the uncompressed stream.
	Offset int64
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("read the capture at offset %d: %v", e.Offset, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// damaged returns an error about contradicting bytes.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}
