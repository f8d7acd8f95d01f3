package call

// futexNames are the operations of futex (linux/futex.h).
func futexNames() *Names {
	return bits(
		name{0x100, 0x100, "FUTEX_CLOCK_REALTIME"}, name{0x80, 0x80, "FUTEX_PRIVATE_FLAG"}, name{0xc, 0xc, "FUTEX_CMP_REQUEUE_PI"},
		name{0xb, 0xb, "FUTEX_WAIT_REQUEUE_PI"}, name{0xa, 0xa, "FUTEX_WAKE_BITSET"}, name{0x9, 0x9, "FUTEX_WAIT_BITSET"},
		name{0x8, 0x8, "FUTEX_TRYLOCK_PI"}, name{0x7, 0x7, "FUTEX_UNLOCK_PI"}, name{0x6, 0x6, "FUTEX_LOCK_PI"},
		name{0x5, 0x5, "FUTEX_WAKE_OP"}, name{0x4, 0x4, "FUTEX_CMP_REQUEUE"}, name{0x3, 0x3, "FUTEX_REQUEUE"}, name{0x2, 0x2, "FUTEX_FD"},
		name{0x1, 0x1, "FUTEX_WAKE"}, name{0x0, 0x0, "FUTEX_WAIT"},
	)
}

// quotaCommandNames are the commands of quotactl (linux/quota.h, linux/dqblk_xfs.h).
func quotaCommandNames() *Names {
	return choice(
		name{8388610, 1, "Q_QUOTAON"}, name{8388611, 2, "Q_QUOTAOFF"}, name{8388612, 4, "Q_GETFMT"}, name{8388613, 8, "Q_GETINFO"},
		name{8388614, 16, "Q_SETINFO"}, name{8388615, 32, "Q_GETQUOTA"}, name{8388616, 64, "Q_SETQUOTA"}, name{8388609, 128, "Q_SYNC"},
		name{22529, 256, "Q_XQUOTAON"}, name{22530, 512, "Q_XQUOTAOFF"}, name{22531, 1024, "Q_XGETQUOTA"}, name{22532, 2048, "Q_XSETQLIM"},
		name{22533, 4096, "Q_XGETQSTAT"}, name{22534, 8192, "Q_XQUOTARM"}, name{22535, 16384, "Q_XQUOTASYNC"},
	)
}

// quotaTypeNames are the kinds of quotas.
func quotaTypeNames() *Names {
	return choice(
		name{0, 1, "USRQUOTA"}, name{1, 2, "GRPQUOTA"},
	)
}

// quotaFormatNames are the formats of quotas.
func quotaFormatNames() *Names {
	return choice(
		name{0, 1, "QFMT_NOT_USED"}, name{1, 2, "QFMT_VFS_OLD"}, name{2, 4, "QFMT_VFS_V0"}, name{4, 8, "QFMT_VFS_V1"},
	)
}

// semopNames are the flags of an operation on a semaphore (linux/sem.h).
func semopNames() *Names {
	return bits(
		name{0x800, 0x1, "IPC_NOWAIT"}, name{0x1000, 0x2, "SEM_UNDO"},
	)
}

// semgetNames are the flags of semget (linux/ipc.h).
func semgetNames() *Names {
	return bits(
		name{0x400, 0x4000, "IPC_EXCL"}, name{0x200, 0x2000, "IPC_CREAT"},
	)
}

// semctlNames are the commands of semctl (linux/sem.h).
func semctlNames() *Names {
	return choice(
		name{2, 1, "IPC_STAT"}, name{1, 2, "IPC_SET"}, name{0, 4, "IPC_RMID"}, name{3, 8, "IPC_INFO"}, name{19, 16, "SEM_INFO"},
		name{18, 32, "SEM_STAT"}, name{13, 64, "GETALL"}, name{14, 128, "GETNCNT"}, name{11, 256, "GETPID"}, name{12, 512, "GETVAL"},
		name{15, 1024, "GETZCNT"}, name{17, 2048, "SETALL"}, name{16, 4096, "SETVAL"},
	)
}

// keyctlNames are the operations of keyctl (linux/keyctl.h).
func keyctlNames() *Names {
	return choice(
		name{0, 0, "KEYCTL_GET_KEYRING_ID"}, name{1, 1, "KEYCTL_JOIN_SESSION_KEYRING"}, name{2, 2, "KEYCTL_UPDATE"},
		name{3, 3, "KEYCTL_REVOKE"}, name{4, 4, "KEYCTL_CHOWN"}, name{5, 5, "KEYCTL_SETPERM"}, name{6, 6, "KEYCTL_DESCRIBE"},
		name{7, 7, "KEYCTL_CLEAR"}, name{8, 8, "KEYCTL_LINK"}, name{9, 9, "KEYCTL_UNLINK"}, name{10, 10, "KEYCTL_SEARCH"},
		name{11, 11, "KEYCTL_READ"}, name{12, 12, "KEYCTL_INSTANTIATE"}, name{13, 13, "KEYCTL_NEGATE"},
		name{14, 14, "KEYCTL_SET_REQKEY_KEYRING"}, name{15, 15, "KEYCTL_SET_TIMEOUT"}, name{16, 16, "KEYCTL_ASSUME_AUTHORITY"},
		name{17, 17, "KEYCTL_GET_SECURITY"}, name{18, 18, "KEYCTL_SESSION_TO_PARENT"}, name{19, 19, "KEYCTL_REJECT"},
		name{20, 20, "KEYCTL_INSTANTIATE_IOV"}, name{21, 21, "KEYCTL_INVALIDATE"}, name{22, 22, "KEYCTL_GET_PERSISTENT"},
		name{23, 23, "KEYCTL_DH_COMPUTE"}, name{24, 24, "KEYCTL_PKEY_QUERY"}, name{25, 25, "KEYCTL_PKEY_ENCRYPT"},
		name{26, 26, "KEYCTL_PKEY_DECRYPT"}, name{27, 27, "KEYCTL_PKEY_SIGN"}, name{28, 28, "KEYCTL_PKEY_VERIFY"},
		name{29, 29, "KEYCTL_RESTRICT_KEYRING"}, name{30, 30, "KEYCTL_MOVE"}, name{31, 31, "KEYCTL_CAPABILITIES"},
		name{32, 32, "KEYCTL_WATCH_KEY"},
	)
}

// bpfNames are the commands of bpf (linux/bpf.h).
func bpfNames() *Names {
	return choice(
		name{0, 0, "BPF_MAP_CREATE"}, name{1, 1, "BPF_MAP_LOOKUP_ELEM"}, name{2, 2, "BPF_MAP_UPDATE_ELEM"},
		name{3, 3, "BPF_MAP_DELETE_ELEM"}, name{4, 4, "BPF_MAP_GET_NEXT_KEY"}, name{5, 5, "BPF_PROG_LOAD"}, name{6, 6, "BPF_OBJ_PIN"},
		name{7, 7, "BPF_OBJ_GET"}, name{8, 8, "BPF_PROG_ATTACH"}, name{9, 9, "BPF_PROG_DETACH"}, name{10, 10, "BPF_PROG_TEST_RUN"},
		name{11, 11, "BPF_PROG_GET_NEXT_ID"}, name{12, 12, "BPF_MAP_GET_NEXT_ID"}, name{13, 13, "BPF_PROG_GET_FD_BY_ID"},
		name{14, 14, "BPF_MAP_GET_FD_BY_ID"}, name{15, 15, "BPF_OBJ_GET_INFO_BY_FD"}, name{16, 16, "BPF_PROG_QUERY"},
		name{17, 17, "BPF_RAW_TRACEPOINT_OPEN"}, name{18, 18, "BPF_BTF_LOAD"}, name{19, 19, "BPF_BTF_GET_FD_BY_ID"},
		name{20, 20, "BPF_TASK_FD_QUERY"}, name{21, 21, "BPF_MAP_LOOKUP_AND_DELETE_ELEM"}, name{22, 22, "BPF_MAP_FREEZE"},
		name{23, 23, "BPF_BTF_GET_NEXT_ID"}, name{24, 24, "BPF_MAP_LOOKUP_BATCH"}, name{25, 25, "BPF_MAP_LOOKUP_AND_DELETE_BATCH"},
		name{26, 26, "BPF_MAP_UPDATE_BATCH"}, name{27, 27, "BPF_MAP_DELETE_BATCH"}, name{28, 28, "BPF_LINK_CREATE"},
		name{29, 29, "BPF_LINK_UPDATE"}, name{30, 30, "BPF_LINK_GET_FD_BY_ID"}, name{31, 31, "BPF_LINK_GET_NEXT_ID"},
		name{32, 32, "BPF_ENABLE_STATS"}, name{33, 33, "BPF_ITER_CREATE"}, name{34, 34, "BPF_LINK_DETACH"},
		name{35, 35, "BPF_PROG_BIND_MAP"},
	)
}

// deleteModuleNames are the flags of delete_module (asm-generic/fcntl.h).
func deleteModuleNames() *Names {
	return bits(
		name{0x800, 0x2, "O_NONBLOCK"}, name{0x200, 0x1, "O_TRUNC"},
	)
}

// finitModuleNames are the flags of finit_module (linux/module.h).
func finitModuleNames() *Names {
	return bits(
		name{0x1, 0x1, "MODULE_INIT_IGNORE_MODVERSIONS"}, name{0x2, 0x2, "MODULE_INIT_IGNORE_VERMAGIC"},
		name{0x4, 0x4, "MODULE_INIT_COMPRESSED_FILE"},
	)
}

// uringEnterNames are the flags of io_uring_enter (linux/io_uring.h).
func uringEnterNames() *Names {
	return bits(
		name{0x1, 0x1, "IORING_ENTER_GETEVENTS"}, name{0x2, 0x2, "IORING_ENTER_SQ_WAKEUP"}, name{0x4, 0x4, "IORING_ENTER_SQ_WAIT"},
		name{0x8, 0x8, "IORING_ENTER_EXT_ARG"},
	)
}

// uringOpcodeNames are the operations of io_uring_register (linux/io_uring.h).
func uringOpcodeNames() *Names {
	return choice(
		name{0, 0, "IORING_REGISTER_BUFFERS"}, name{1, 1, "IORING_UNREGISTER_BUFFERS"}, name{2, 2, "IORING_REGISTER_FILES"},
		name{3, 3, "IORING_UNREGISTER_FILES"}, name{4, 4, "IORING_REGISTER_EVENTFD"}, name{5, 5, "IORING_UNREGISTER_EVENTFD"},
		name{6, 6, "IORING_REGISTER_FILES_UPDATE"}, name{7, 7, "IORING_REGISTER_EVENTFD_ASYNC"}, name{8, 8, "IORING_REGISTER_PROBE"},
		name{9, 9, "IORING_REGISTER_PERSONALITY"}, name{10, 10, "IORING_UNREGISTER_PERSONALITY"},
		name{11, 11, "IORING_REGISTER_RESTRICTIONS"}, name{12, 12, "IORING_REGISTER_ENABLE_RINGS"}, name{13, 13, "IORING_REGISTER_FILES2"},
		name{14, 14, "IORING_REGISTER_FILES_UPDATE2"}, name{15, 15, "IORING_REGISTER_BUFFERS2"},
		name{16, 16, "IORING_REGISTER_BUFFERS_UPDATE"}, name{17, 17, "IORING_REGISTER_IOWQ_AFF"}, name{18, 18, "IORING_UNREGISTER_IOWQ_AFF"},
		name{19, 19, "IORING_REGISTER_IOWQ_MAX_WORKERS"}, name{20, 20, "IORING_REGISTER_RING_FDS"},
		name{21, 21, "IORING_UNREGISTER_RING_FDS"},
	)
}
