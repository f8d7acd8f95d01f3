package event

// OpenClasses is a set of the classes of opens that the kernel tells apart before it copies anything: a bit each,
// numbered access << 2 | outcome, where access is the open's O_ACCMODE bits (bpf/programs/open_class.h).
type OpenClasses uint32

// AllOpenClasses holds every class.
const AllOpenClasses OpenClasses = 1<<16 - 1

// Outcome of an open: what became of it, and of which type the file is.
type Outcome uint8

const (
	OutcomeFailed Outcome = iota
	OutcomeRegular
	OutcomeDirectory
	// OutcomeOther is a device, a pipe, a socket.
	OutcomeOther
	outcomes
)

// Outcomes lists all of them.
func Outcomes() []Outcome {
	return []Outcome{OutcomeFailed, OutcomeRegular, OutcomeDirectory, OutcomeOther}
}

// OpenClass is the set of one class.
func OpenClass(access uint32, o Outcome) OpenClasses {
	return 1 << ((access&3)*uint32(outcomes) + uint32(o))
}
