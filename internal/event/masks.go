package event

// Masks say which rules may match which events, a bit for each rule. The kernel looks them up before it makes a record, and makes none
// if no bit is left (bpf/event.h). Rules share bits if there are more than 64.
type Masks struct {
	// Opens are those of an open; a type that is not in it may match any rule.
	Opens map[Type]OpenMasks
	// Calls are those of any other call, if it failed ([0]) and if it did not ([1]); a type that is not in it may match any rule.
	Calls map[Type][2]uint64
	// Names are those of a file's name by its parts, in the slots of a table where the kernel looks for them; NameParts has a bit for each
	// kind of part that is in it. AnyName are those of any name, by an
	// open's type.
	Names     []NameMask
	NameParts uint32
	AnyName   map[Type]uint64
}

// AllRules is the mask of an event that any rule may match.
const AllRules = ^uint64(0)

// OpenMasks are masks by access mode (O_ACCMODE) and [Outcome].
type OpenMasks [4][8]uint64

// NameMask are the rules that may match a name with a part of this hash.
type NameMask struct{ Hash, Mask uint64 }

// MountPoint is a slot of the table that says where file systems are mounted on the host.
type MountPoint struct {
	// Dev is major << 20 | minor.
	Dev uint32
	// Hash is that of the mount point's name; 0 if only a part of the file system is there.
	Hash uint64
	// Used: a device has the slot. Full: devices that belong here had no room, so files of those that lead here may have any name.
	Used, Full bool
}

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
