package event

import "strings"

// File is an opened file, or one that could not be opened.
type File struct {
	// Present: the event is about a file.
	Present bool
	// FD is the descriptor, or -errno for a failed call.
	FD int64
	// Raw is the path string of the caller.
	Raw string
	// Given is Raw made absolute and normalised by text alone, as Falco's fd.name: symbolic links are not followed.
	Given string
	// Resolved is the path of the opened file itself, walked in the kernel from its dentry to the process's root.
	// Empty for a failed call.
	Resolved string
	// AtExit is what Given had become when the call failed, if its string was rewritten (FlagNameChanged).
	AtExit string
	// Matched says which of the two names the rules see at the moment, and which one an alert shows.
	Matched Name
	// OpenFlags are the kernel's O_* flags (asm-generic/fcntl.h), Mode the permission bits asked for,
	// Resolve openat2's RESOLVE_* bits.
	OpenFlags uint32
	Mode      uint32
	Resolve   uint64
	ID        FileID
	// Inode is the file's i_mode (type and permissions).
	InodeMode uint32
	Nlink     uint32
	Layer     Layer
	// Created: the call made the file (FMODE_CREATED).
	Created bool
}

// Name tells the two names of a file apart.
type Name uint8

const (
	// NameGiven: the path as the caller gave it, made absolute.
	NameGiven Name = iota
	// NameResolved: the path of the file as the kernel knows it.
	NameResolved
)

func (n Name) String() string {
	if n == NameResolved {
		return "resolved"
	}
	return "given"
}

// Name is fd.name: the name that the rules see at the moment.
func (f *File) Name() string {
	if f.Matched == NameResolved {
		return f.Resolved
	}
	return f.Given
}

// TwoNames tells whether the resolved name differs from the given one, so that rules have to see both.
func (f *File) TwoNames() bool { return f.Resolved != "" && f.Resolved != f.Given }

func (f *File) cloneStrings() {
	f.Raw = strings.Clone(f.Raw)
	f.Given = strings.Clone(f.Given)
	f.Resolved = strings.Clone(f.Resolved)
	f.AtExit = strings.Clone(f.AtExit)
}

// FileID names an inode.
type FileID struct {
	// Dev is the kernel's encoding, major<<20 | minor (linux/kdev_t.h).
	Dev uint32
	Ino uint64
	// Ctime and Mtime are ns since the epoch.
	Ctime, Mtime int64
}

// Layer of an overlay file system.
type Layer uint8

const (
	// LayerNone: not on an overlay.
	LayerNone Layer = iota
	// LayerUpper: written since the container was made.
	LayerUpper
	// LayerLower: from the image.
	LayerLower
)
