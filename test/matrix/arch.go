package main

// arch is what differs between the machines of two architectures.
type arch struct {
	// qemu is the emulator's command with its board; port are the arguments for the second serial port.
	qemu, port []string
	// The names of the two ports: the kernel writes to the first, the tests to the second.
	consoleName, portName string
	// cmdline is what else the kernel is told.
	cmdline string
	// mustRun are tests that need 32-bit calls, which some machines' kernels don't take: Debian's do, so there they are not skipped.
	mustRun []string
}

// arches are the architectures, by Go's name.
var arches = map[string]*arch{
	"amd64": {
		qemu:        []string{"qemu-system-x86_64", "-machine", "pc,hpet=off", "-cpu", "max"},
		port:        []string{"-serial", "stdio"},
		consoleName: "ttyS0", portName: "ttyS1",
		// An emulated processor's clock is the host's: older kernels distrust it and would ask a slow device for the time.
		// And they count the timer's interrupts for a moment, which on a busy host are too few, and give up.
		cmdline: "tsc=reliable no_timer_check",
		mustRun: []string{
			"ia32.TestEnabled", "kernel.TestCompat", "kernel.TestRewrittenPath/32-bit_open", "kernel.TestRewrittenPath/32-bit_exec",
		},
	},
	"arm64": {
		qemu: []string{"qemu-system-aarch64", "-machine", "virt", "-cpu", "max,pauth-impdef=on"},
		// The board has one port of its own.
		port:        []string{"-chardev", "stdio,id=port", "-device", "pci-serial,chardev=port"},
		consoleName: "ttyAMA0", portName: "ttyS0",
		mustRun: []string{"kernel.TestCompat", "kernel.TestCompatCalls"},
	},
}
