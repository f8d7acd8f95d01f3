// Package bpfgen is what bpf2go makes of bpf/: the object for each architecture and the Go side of the wire format
// (bpf/event.h). Generated, committed, never edited; `make generate` renews it.
package bpfgen

//go:generate go tool bpf2go -tags linux -target amd64,arm64 -cc clang-19 -strip llvm-strip-19 -cflags "-O2 -Wall -Werror -mcpu=v3" -type record_header -type exec_record -type fork_record -type exit_record -type open_record -type exec_failed_record -type io_uring_setup_record -type cgroup_record -type canary_record -type signal_record -type call_record -type param_value -type file_info -type socket_info -type param_source -type param_arg -type param_rules -type param_flags -type call_outcomes -type socket_flags -type kernel_counters -type inode_info -type ancestor -type schema -type sizes -type open_outcome -type limits -type record_type -type ring -type call -type record_flags -type layer -type signal_origin -type canary_call Sensor ../../bpf/sensor.bpf.c -- -I../../bpf
