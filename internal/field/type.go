package field

import (
	"net/netip"
	"unsafe"

	"github.com/saker-sensor/saker/internal/value"
)

// Type is the type of a value, under the name that the dictionary's users know.
type Type = value.Type

// Group gathers the types that share their operators.
type Group = value.Group

// Format says how a number is printed.
type Format = value.Format

const (
	CharBuf     = value.CharBuf
	FSPath      = value.FSPath
	FSRelPath   = value.FSRelPath
	ByteBuf     = value.ByteBuf
	Bool        = value.Bool
	Int8        = value.Int8
	Int16       = value.Int16
	Int32       = value.Int32
	Int64       = value.Int64
	Uint8       = value.Uint8
	Uint16      = value.Uint16
	Uint32      = value.Uint32
	Uint64      = value.Uint64
	Errno       = value.Errno
	FD          = value.FD
	PID         = value.PID
	UID         = value.UID
	GID         = value.GID
	Port        = value.Port
	SyscallID   = value.SyscallID
	SigType     = value.SigType
	RelTime     = value.RelTime
	AbsTime     = value.AbsTime
	Flags8      = value.Flags8
	Flags16     = value.Flags16
	Flags32     = value.Flags32
	EnumFlags8  = value.EnumFlags8
	EnumFlags16 = value.EnumFlags16
	EnumFlags32 = value.EnumFlags32
	Mode        = value.Mode
	Double      = value.Double
	IPAddr      = value.IPAddr
	IPNet       = value.IPNet
)

const (
	Text     = value.Text
	Bytes    = value.Bytes
	Boolean  = value.Boolean
	Signed   = value.Signed
	Unsigned = value.Unsigned
	Float    = value.Float
	Address  = value.Address
	Network  = value.Network
)

const (
	Plain    = value.Plain
	Dec      = value.Dec
	ID       = value.ID
	Hex      = value.Hex
	Oct      = value.Oct
	Padded10 = value.Padded10
)

// Value holds what one extraction yields; which part counts depends on the field's type. It is reused: text may
// alias the event or memory of the value's own, List keeps its capacity.
type Value struct {
	// Str is text or bytes.
	Str string
	// Num is a signed number, an unsigned one's bits, or a bool as 0 or 1.
	Num   int64
	Float float64
	Addr  netip.Addr
	Net   netip.Prefix
	List  []Value

	// built is memory for a text that the event does not hold.
	built []byte
}

// SetJoined sets the text to parts with blanks between them. The text is v's own memory: it changes with v's next one.
func (v *Value) SetJoined(parts []string) {
	v.built = v.built[:0]
	for i, p := range parts {
		if i > 0 {
			v.built = append(v.built, ' ')
		}
		v.built = append(v.built, p...)
	}
	v.setBuilt()
}

// setBuilt sets the text to what was built.
func (v *Value) setBuilt() { v.Str = unsafe.String(unsafe.SliceData(v.built), len(v.built)) }

// SetBool stores a bool.
func (v *Value) SetBool(b bool) {
	v.Num = 0
	if b {
		v.Num = 1
	}
}
