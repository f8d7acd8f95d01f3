// Package value names the types that the values of fields and of system calls' parameters have, and how their numbers are
// printed, in the words of Falco's event table. It imports nothing of ours.
package value

// Type is the type of a value, in the words of Falco's event table.
type Type uint8

const (
	CharBuf Type = iota
	FSPath
	FSRelPath
	ByteBuf
	Bool
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Errno
	FD
	PID
	UID
	GID
	Port
	SyscallID
	SigType
	RelTime
	AbsTime
	Flags8
	Flags16
	Flags32
	EnumFlags8
	EnumFlags16
	EnumFlags32
	Mode
	Double
	IPAddr
	IPNet
)

var typeNames = [...]string{
	"CHARBUF", "FSPATH", "FSRELPATH", "BYTEBUF", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32",
	"UINT64", "ERRNO", "FD", "PID", "UID", "GID", "PORT", "SYSCALLID", "SIGTYPE", "RELTIME", "ABSTIME", "FLAGS8", "FLAGS16",
	"FLAGS32", "ENUMFLAGS8", "ENUMFLAGS16", "ENUMFLAGS32", "MODE", "DOUBLE", "IPADDR", "IPNET",
}

func (t Type) String() string { return typeNames[t] }

// Group gathers the types that share their operators.
type Group uint8

const (
	Text Group = iota
	Bytes
	Boolean
	Signed
	Unsigned
	Float
	Address
	Network
)

// Group of a type.
func (t Type) Group() Group {
	switch t {
	case CharBuf, FSPath, FSRelPath:
		return Text
	case ByteBuf:
		return Bytes
	case Bool:
		return Boolean
	case Int8, Int16, Int32, Int64, Errno, FD, PID:
		return Signed
	case Double:
		return Float
	case IPAddr:
		return Address
	case IPNet:
		return Network
	default:
		return Unsigned
	}
}

// Format says how a number is printed, and so whether JSON shows it as a number or as text.
type Format uint8

const (
	// Plain is the type's own: text as it is, numbers in decimal.
	Plain Format = iota
	Dec
	// ID is decimal, for identifiers.
	ID
	Hex
	Oct
	// Padded10 is decimal with leading zeros: nine digits, in spite of the name that Falco gives it (10_PADDED_DEC).
	Padded10
)
