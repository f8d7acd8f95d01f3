package scap

import "net/netip"

// The kinds of descriptors.
const (
	DescriptorUnknown DescriptorKind = iota
	// DescriptorFile is a file whose flags and device are not known.
	DescriptorFile
	DescriptorDirectory
	DescriptorIPv4
	DescriptorIPv6
	DescriptorIPv4Server
	DescriptorIPv6Server
	DescriptorFifo
	DescriptorUnix
	DescriptorEvent
	DescriptorUnsupported
	DescriptorSignalfd
	DescriptorEventpoll
	DescriptorInotify
	DescriptorTimerfd
	DescriptorNetlink
	// DescriptorFileV2 is a file with its flags.
	DescriptorFileV2
	DescriptorBPF
	DescriptorUserfaultfd
	DescriptorIoUring
	DescriptorMemfd
	DescriptorPidfd
)

// read reads an entry of a list of descriptors of a version, 1 or 2.
func (d *Descriptor) read(block *body, version uint8) {
	entry := block.sub(version >= 2)
	*d = Descriptor{FD: entry.i64(), Ino: entry.u64(), Kind: DescriptorKind(entry.u8())}
	switch d.Kind {
	case DescriptorUnknown:
	case DescriptorIPv4, DescriptorIPv6:
		local, remote := d.address(&entry), d.address(&entry)
		d.Local = netip.AddrPortFrom(local, entry.u16())
		d.Remote = netip.AddrPortFrom(remote, entry.u16())
		d.L4 = entry.u8()
	case DescriptorIPv4Server, DescriptorIPv6Server:
		local := d.address(&entry)
		d.Local = netip.AddrPortFrom(local, entry.u16())
		d.L4 = entry.u8()
	case DescriptorUnix:
		d.Source, d.Destination = entry.u64(), entry.u64()
		d.Path = entry.text()
	case DescriptorFileV2:
		d.OpenFlags = entry.u32()
		d.Path = entry.text()
		if version >= 2 && entry.err == nil && entry.left() >= 4 {
			d.Dev = entry.u32()
		}
	default:
		if d.Kind <= DescriptorPidfd {
			d.Path = entry.text()
		} else if version < 2 && entry.err == nil {
			entry.err = damaged("a descriptor has the unknown kind %d, and the list does not say how long it is", d.Kind)
		}
	}
	if version >= 2 {
		entry.finish()
	}
	block.err = entry.err
}

func (d *Descriptor) address(entry *body) netip.Addr {
	size := 16
	if d.Kind == DescriptorIPv4 || d.Kind == DescriptorIPv4Server {
		size = 4
	}
	return entry.address(size)
}
