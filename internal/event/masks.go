package event

// OpenClasses is a set of the classes of opens that the kernel tells apart before it copies anything: a bit each,
// numbered access << 3 | outcome, where access is the open's O_ACCMODE bits (bpf/programs/open_class.h).
type OpenClasses uint32

// AllOpenClasses holds every class.
const AllOpenClasses OpenClasses = 0x1f1f1f1f

// Outcome of an open: what became of it, and of which type the file is.
type Outcome uint8

const (
	// OutcomeFailed without a sign that the name was rewritten.
	OutcomeFailed Outcome = iota
	OutcomeRegular
	OutcomeDirectory
	// OutcomeOther is a device, a pipe, a socket.
	OutcomeOther
	// OutcomeNameChanged: failed, and the name was rewritten between call and return.
	OutcomeNameChanged
)

// Outcomes lists all of them.
func Outcomes() []Outcome {
	return []Outcome{OutcomeFailed, OutcomeRegular, OutcomeDirectory, OutcomeOther, OutcomeNameChanged}
}

// OpenClass is the set of one class.
func OpenClass(access uint32, o Outcome) OpenClasses {
	return 1 << (access&3<<3 | uint32(o))
}
