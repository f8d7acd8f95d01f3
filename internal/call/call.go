// Package call is the table of system calls: for each its name, Falco's code and category, and its parameters in Falco's order,
// each with its type and where the kernel has it. The probe makes the recipes of its interpreter from the rows, the decoder
// reads records by them, and the field dictionary and the lists of events are made from them: nothing about a call is said
// anywhere else. A system call with a number and without a row is captured as an event without parameters of its own.
//
// It imports the nouns (event), the words for types (value), and the constants that it shares with the kernel's side (bpfgen).
package call

import (
	"fmt"
	"slices"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/value"
)

// Row is one system call.
type Row struct {
	// Name is that of the event's type.
	Name string
	// Code is the number of the event's exit in Falco's event table.
	Code int
	// Category is evt.category, where the descriptor does not decide it.
	Category Category
	// Params are in Falco's order. At most bpfgen.SensorLimitsCALL_PARAMS_MAX.
	Params []Param
	// Descriptor is the index of the parameter that the fd.* fields are about, NoDescriptor if there is none.
	Descriptor int
	// IO says that the call reads or writes data. Bulk: it is captured only for rules that name it, as hosts make most of it.
	IO   IO
	Bulk bool
	// Names: the call may give its descriptor a name (fd.name_changed).
	Names bool
	// Waits: evt.is_wait.
	Waits bool

	// Type is the event's; set when the table is made.
	Type event.Type
}

// NoDescriptor is the [Row.Descriptor] of a call that is about none.
const NoDescriptor = -1

// Category is Falco's kind of an event.
type Category string

// The categories of Falco's event table.
const (
	File    Category = "file"
	Net     Category = "net"
	IPC     Category = "IPC"
	Wait    Category = "wait"
	Sleep   Category = "sleep"
	Time    Category = "time"
	Signal  Category = "signal"
	Process Category = "process"
	Memory  Category = "memory"
	User    Category = "user"
	System  Category = "system"
	Other   Category = "other"
	// OfDescriptor is that of what the descriptor leads to.
	OfDescriptor Category = "unknown"
)

// IO is the direction of a call's data.
type IO uint8

// Directions; a call may have both.
const (
	Reads IO = 1 << iota
	Writes
)

// Param is one parameter of a system call.
type Param struct {
	Name   string
	Type   value.Type
	Format value.Format

	// From says where the kernel's side gets the value. Arg is the argument, With a second one, the rest what the source
	// needs (bpf/event.h: enum param_source, struct param_recipe).
	From      bpfgen.SensorParamSource
	Arg, With uint8
	Size      uint8
	Rules     bpfgen.SensorParamRules
	Offset    uint16
	Max       uint16

	// Names are the texts of an enumeration's or a flag set's numbers, and Falco's own numbers for them; nil if there are none.
	Names *Names
	// Made says how user space makes a value that the kernel's side does not send, or not in this form.
	Made Made
}

// Made is how user space makes a parameter's value.
type Made uint8

const (
	// AsSent: the number or the bytes that were sent.
	AsSent Made = iota
	// OfProcess: what the process table knows under the parameter's name.
	OfProcess
	// Tuple: both ends of the socket of the row's descriptor; the address that was sent stands for a missing end.
	Tuple
	// Address: a socket address.
	Address
	// Option: the value of a socket option, by level and option.
	Option
	// OptionText and OptionNumber: the second argument of prctl, where it is of that kind.
	OptionText
	OptionNumber
	// Trace: the address or data of ptrace, by its request.
	Trace
	// QueuePercent: how full the queue of the row's socket is.
	QueuePercent
	// QueueLen and QueueMax are its length and its limit.
	QueueLen
	QueueMax
	// Inode is the number of the inode of the row's descriptor.
	Inode
	// SocketSource and SocketPeer are the kernel's addresses of the two ends of the row's socket.
	SocketSource
	SocketPeer
	// Descriptors is a list of descriptors and what was polled for.
	Descriptors
	// Duration is a struct timespec in ns.
	Duration
	// SecondOperation is of the second of semop's operations, 0 if there is only one.
	SecondOperation
	// SemaphoreValue is semctl's, for SETVAL; 0 otherwise.
	SemaphoreValue
	// Of quotactl, by its command; what another command has is 0 or missing.
	QuotaCommand
	QuotaType
	QuotaFile
	QuotaLimit
	QuotaInfo
	QuotaFormat
	QuotaFormatOut
	// Config is the value of fsconfig, by its command; as bytes and as text.
	ConfigBytes
	ConfigText
	// SignalSet is a set of signals, Dynamic a value of a type that other parameters say. The record has their bytes or number.
	SignalSet
	Dynamic
)

// TypeWord is Falco's word for the parameter's type, also where there is no [value.Type] of its own.
func (p *Param) TypeWord() string {
	switch p.Made {
	case Tuple:
		return "SOCKTUPLE"
	case Address:
		return "SOCKADDR"
	case Descriptors:
		return "FDLIST"
	case SignalSet:
		return "SIGSET"
	case Option, Trace, Dynamic:
		return "DYN"
	}
	return p.Type.String()
}

// Table is all rows, by what they are asked for. It is not changed after it was made.
type Table struct {
	rows   []Row
	byType map[event.Type]*Row
	native map[int]event.Type
	compat map[int]event.Type
}

// GenericRow is the row of a call without one of its own, the last that the kernel's side knows.
const GenericRow = int(bpfgen.SensorLimitsCALL_ROWS_MAX) - 1

// Rows makes the rows of the table, in their order, and sets their types.
func Rows() []Row {
	rows := slices.Concat(fileRows(), descriptorRows(), netRows(), processRows(), memoryRows(), systemRows())
	types := typesByName()
	for i := range rows {
		r := &rows[i]
		if r.Type = types[r.Name]; r.Type == event.TypeUnknown {
			panic(fmt.Sprintf("call: event type %q of a row is unknown", r.Name)) // the tables' own test finds it
		}
	}
	return rows
}

func typesByName() map[string]event.Type {
	all := event.AllTypes()
	types := make(map[string]event.Type, len(all))
	for _, t := range all {
		types[t.String()] = t
	}
	return types
}

// New makes the table.
func New() *Table {
	t := &Table{rows: Rows(), byType: map[event.Type]*Row{}, native: map[int]event.Type{}, compat: map[int]event.Type{}}
	for i := range t.rows {
		t.byType[t.rows[i].Type] = &t.rows[i]
	}
	types := typesByName()
	for _, n := range numbers {
		typ, ok := typeOf(types, n.name)
		if !ok {
			continue
		}
		if nr := n.native(); nr >= 0 {
			t.native[nr] = typ
		}
		if nr := n.compat(); nr >= 0 {
			t.compat[nr] = typ
		}
	}
	for nr, name := range x32 {
		if typ, ok := typeOf(types, name); ok {
			t.native[nr] = typ
		}
	}
	return t
}

// AMD64 are the system calls of amd64's table, whatever this machine's is.
func AMD64() map[int]event.Type {
	types, of := typesByName(), map[int]event.Type{}
	for _, n := range numbers {
		if typ, ok := typeOf(types, n.name); ok && n.amd64 >= 0 {
			of[n.amd64] = typ
		}
	}
	return of
}

// Rows are all rows; a row's index is its number for the kernel's side.
func (t *Table) Rows() []Row { return t.rows }

// Row finds the row of an event's type; nil if it has none.
func (t *Table) Row(typ event.Type) *Row { return t.byType[typ] }

// Index is the row's number for the kernel's side: [GenericRow] for a type without a row.
func (t *Table) Index(typ event.Type) int {
	for i := range t.rows {
		if t.rows[i].Type == typ {
			return i
		}
	}
	return GenericRow
}

// Native and Compat are the system calls of this machine's table and of its 32-bit one, by number.
func (t *Table) Native() map[int]event.Type { return t.native }

// Compat are those of the 32-bit table.
func (t *Table) Compat() map[int]event.Type { return t.compat }

// CompatNumber is the lowest number in the 32-bit table of the type of that name; -1 if that has none.
func (t *Table) CompatNumber(name string) int {
	lowest := -1
	for nr, typ := range t.compat {
		if typ.String() == name && (lowest < 0 || nr < lowest) {
			lowest = nr
		}
	}
	return lowest
}

// Type is that of a system call's number; unknown if no table has it.
func (t *Table) Type(nr int, compat bool) event.Type {
	if compat {
		return t.compat[nr]
	}
	return t.native[nr]
}
