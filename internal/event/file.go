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
	// FS is the file's place in its own file system.
	FS FSPath
	// Source is the file's name on the host, whatever mount or root directory the process reached it by; empty if it is
	// the resolved one, or not known.
	Source string
	// Watched is a name that a rule compares with and that is a hard link to this file; empty if there is none.
	Watched string
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

// FSPath is a path from the root of a file system, whatever part of it is mounted where: Hidden and then Shown.
type FSPath struct {
	Known bool
	// Hidden is where the mount or the chroot begins that the file was reached by; empty at the file system's root.
	// Shown is the rest, the end of the file's path as the process sees it.
	Hidden, Shown string
}

func (f *File) cloneStrings() {
	for _, s := range []*string{&f.Raw, &f.Given, &f.Resolved, &f.AtExit, &f.FS.Hidden, &f.FS.Shown, &f.Source, &f.Watched} {
		*s = strings.Clone(*s)
	}
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
