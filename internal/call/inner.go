package call

import "github.com/saker-sensor/saker/internal/bpfgen"

// Outer is a system call of i386 that stands for many: its first argument says for which.
type Outer struct {
	// Name is that of its event's type, as of the inner ones.
	Name  string
	Inner []Inner
}

// Inner is one of the calls that an [Outer] stands for.
type Inner struct {
	Name string
	// Number is the first argument of the outer call.
	Number int
	// Given is how many words the caller's array has, of socketcall.
	Given uint8
	// Words says of each argument which of the words that the outer call was given it is (bpf/event.h: struct inner_call).
	Words [6]uint8
}

const noWord = uint8(bpfgen.SensorInnerWordINNER_NOTHING)

// NoWords are the [Inner.Words] of a call without arguments.
func NoWords() [6]uint8 { return words() }

// words fills up with arguments that are not given.
func words(given ...uint8) (out [6]uint8) {
	for i := range out {
		out[i] = noWord
	}
	copy(out[:], given)
	return out
}

// SocketCalls are those of socketcall: numbers and lengths of the arrays are net/compat.c's.
func SocketCalls() Outer {
	var calls []Inner
	for i, c := range []struct {
		name  string
		given uint8
	}{
		{"socket", 3},
		{"bind", 3},
		{"connect", 3},
		{"listen", 2},
		{"accept", 3},
		{"getsockname", 3},
		{"getpeername", 3},
		{"socketpair", 4},
		{"send", 4},
		{"recv", 4},
		{"sendto", 6},
		{"recvfrom", 6},
		{"shutdown", 2},
		{"setsockopt", 5},
		{"getsockopt", 5},
		{"sendmsg", 3},
		{"recvmsg", 3},
		{"accept4", 4},
		{"recvmmsg", 5},
		{"sendmmsg", 4},
	} {
		calls = append(calls, Inner{Name: c.name, Number: i + 1, Given: c.given, Words: words([]uint8{0, 1, 2, 3, 4, 5}[:c.given]...)})
	}
	return Outer{"socketcall", calls}
}

// IPCCalls are those of ipc (ipc/syscall.c), which is given (call, first, second, third, ptr, fifth).
func IPCCalls() Outer {
	const first, second, third, ptr, fifth, behindPtr = 1, 2, 3, 4, 5, uint8(bpfgen.SensorInnerWordINNER_BEHIND_PTR)
	return Outer{"ipc", []Inner{
		{Name: "semop", Number: 1, Words: words(first, ptr, second)},
		{Name: "semget", Number: 2, Words: words(first, second, third)},
		{Name: "semctl", Number: 3, Words: words(first, second, third, behindPtr)},
		{Name: "semtimedop", Number: 4, Words: words(first, ptr, second, fifth)},
		{Name: "msgsnd", Number: 11, Words: words(first, ptr, second, third)},
		{Name: "msgrcv", Number: 12, Words: words(first, ptr, second, fifth, third)},
		{Name: "msgget", Number: 13, Words: words(first, second)},
		{Name: "msgctl", Number: 14, Words: words(first, second, ptr)},
		{Name: "shmat", Number: 21, Words: words(first, ptr, second)},
		{Name: "shmdt", Number: 22, Words: words(ptr)},
		{Name: "shmget", Number: 23, Words: words(first, second, third)},
		{Name: "shmctl", Number: 24, Words: words(first, second, ptr)},
	}}
}
