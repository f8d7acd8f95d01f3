package recording

import (
	"github.com/saker-sensor/saker/internal/event"
)

// Entry is an event as it is recorded.
type Entry struct {
	// Raw is the kernel's record. Time is ns since the epoch.
	Raw  []byte
	Time int64
	// Flags are the event's, with those that user space found.
	Flags event.Flags
	Clock *event.Clock
	// Process, and what Place refers to, is immutable.
	Process *event.Process
	Place   Place
	Hosts   event.Hosts
	// Source and Watched are names of the event's file.
	Source, Watched string
}

// Place is where an event happened. Two are the same if they refer to the same.
type Place struct {
	Container        *event.Container
	ContainerID      string
	ContainerMissing string
	PodMeta          *event.PodMeta
	Accounts         *event.Accounts
}

// EntryOf is the entry of an event that has its Raw record. It aliases the event's texts.
func EntryOf(ev *event.Event) Entry {
	return Entry{
		Raw: ev.Raw, Time: ev.Time, Flags: ev.Flags, Clock: ev.Clock, Process: ev.Process,
		Place: Place{Container: ev.Container, ContainerID: ev.ContainerID, ContainerMissing: ev.ContainerMissing, PodMeta: ev.PodMeta,
			Accounts: ev.Accounts},
		Hosts: ev.Hosts, Source: ev.File.Source, Watched: ev.File.Watched,
	}
}

// image is a process with its parent by number; 0 is none.
type image struct {
	event.Process
	ParentNumber uint32
}

// eventEntry is the fixed part of an event's entry, after the entry's head. Then follow the record, padded to 8 bytes, and the two names.
type eventEntry struct {
	process, place       uint32
	clock, hosts         uint16
	flags                uint32
	raw, source, watched uint32
}
