// Package schema has the events of Falco's libraries as captures number them: names, categories and parameters of every version.
package schema

//go:generate go run ./gen ../../../../../shared/reference/event_table.csv table.go

// Event is one event of one version.
type Event struct {
	// Name is that which rules see: "openat" for each version of its entry and its exit.
	Name     string
	Category Category
	Flags    Flags
	// Params are in the order in which the capture has them. An older capture may have fewer.
	Params []Param
}

// Param is one parameter of an event.
type Param struct {
	Name   string
	Type   Type
	Format Format
}

// Lookup returns the event with this code, nil if there is none. The event must not be changed.
func Lookup(code uint16) *Event {
	if int(code) >= len(events) {
		return nil
	}
	return &events[code]
}

// Count is the number of codes; they run from 0.
func Count() int { return len(events) }

// IsEnter says whether a code is that of an entry. That of the exit is the next one.
func IsEnter(code uint16) bool { return code%2 == 0 }

// Flags say what an event does.
type Flags uint16

// The flags of events.
const (
	CreatesFD Flags = 1 << iota
	DestroysFD
	UsesFD
	ReadsFromFD
	WritesToFD
	ModifiesState
	// Unused marks a code without an event.
	Unused
	Waits
	Skipparsereset
	// OldVersion marks an event that is not recorded any more.
	OldVersion
	// LargePayload marks an event whose lengths of parameters have 32 bits in the capture, not 16.
	LargePayload
	// ConverterManaged marks an event whose old forms are converted.
	ConverterManaged
)

// Category is what an event is about, and which kind of source it comes from.
type Category uint32

// The categories.
const (
	CategoryUnknown Category = 1 << iota
	CategoryOther
	CategoryFile
	CategoryNet
	CategoryIPC
	CategoryMemory
	CategoryProcess
	CategorySleep
	CategorySystem
	CategorySignal
	CategoryUser
	CategoryTime
	CategoryIORead
	CategoryIOWrite
	CategoryIOOther
	CategoryWait
	CategoryScheduler
	CategoryInternal
	CategorySyscall
	CategoryTracepoint
	CategoryPlugin
	CategoryMetaevent
	CategoryIter
)

// Format is how a number is printed.
type Format uint8

// The formats.
const (
	FormatNA Format = iota
	FormatDec
	FormatHex
	FormatOct
)

// Type is a type of parameters, Falco's PT_*.
type Type uint8

// The types.
const (
	TypeInt8 Type = iota
	TypeInt16
	TypeInt32
	TypeInt64
	TypeUint8
	TypeUint16
	TypeUint32
	TypeUint64
	TypeCharbuf
	TypeBytebuf
	TypeErrno
	TypeSockaddr
	TypeSocktuple
	TypeFD
	TypePid
	TypeFdlist
	TypeFspath
	TypeSyscallid
	TypeSigtype
	TypeReltime
	TypeAbstime
	TypePort
	TypeIpv4addr
	TypeDyn
	TypeFlags8
	TypeFlags16
	TypeFlags32
	TypeUID
	TypeGID
	TypeSigset
	TypeCharbufarray
	TypeCharbufPairArray
	TypeIpv6addr
	TypeMode
	TypeFsrelpath
	TypeEnumflags8
	TypeEnumflags16
	TypeEnumflags32
	TypeFd32
	TypePid32
)

// sizes has the bytes of the types that always have as many.
var sizes = [...]int{
	TypeInt8: 1, TypeUint8: 1, TypeSigtype: 1, TypeFlags8: 1, TypeEnumflags8: 1,
	TypeInt16: 2, TypeUint16: 2, TypeSyscallid: 2, TypePort: 2, TypeFlags16: 2, TypeEnumflags16: 2,
	TypeInt32: 4, TypeUint32: 4, TypeIpv4addr: 4, TypeFlags32: 4, TypeUID: 4, TypeGID: 4, TypeSigset: 4, TypeMode: 4,
	TypeEnumflags32: 4, TypeFd32: 4, TypePid32: 4,
	TypeInt64: 8, TypeUint64: 8, TypeErrno: 8, TypeFD: 8, TypePid: 8, TypeReltime: 8, TypeAbstime: 8,
	TypeIpv6addr: 16,
}

// Size returns the number of bytes that a value of the type has, 0 for a type of any length.
func (t Type) Size() int { return sizes[t] }
