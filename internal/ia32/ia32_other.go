//go:build !amd64

package ia32

import "errors"

// Enabled returns [errors.ErrUnsupported]: only amd64 has this entry.
func Enabled() (bool, error) { return false, errors.ErrUnsupported }
