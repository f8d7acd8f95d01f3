package call

// familyNames are the families of sockets (linux/socket.h).
func familyNames() *Names {
	return choice(
		name{39, 39, "AF_NFC"}, name{38, 38, "AF_ALG"}, name{37, 37, "AF_CAIF"}, name{36, 36, "AF_IEEE802154"}, name{35, 35, "AF_PHONET"},
		name{34, 34, "AF_ISDN"}, name{33, 33, "AF_RXRPC"}, name{32, 32, "AF_IUCV"}, name{31, 31, "AF_BLUETOOTH"}, name{30, 30, "AF_TIPC"},
		name{29, 29, "AF_CAN"}, name{26, 26, "AF_LLC"}, name{25, 25, "AF_WANPIPE"}, name{24, 24, "AF_PPPOX"}, name{23, 23, "AF_IRDA"},
		name{22, 22, "AF_SNA"}, name{21, 21, "AF_RDS"}, name{20, 20, "AF_ATMSVC"}, name{19, 19, "AF_ECONET"}, name{18, 18, "AF_ASH"},
		name{17, 17, "AF_PACKET"}, name{16, 16, "AF_ROUTE"}, name{16, 16, "AF_NETLINK"}, name{15, 15, "AF_KEY"}, name{14, 14, "AF_SECURITY"},
		name{13, 13, "AF_NETBEUI"}, name{12, 12, "AF_DECnet"}, name{11, 11, "AF_ROSE"}, name{10, 10, "AF_INET6"}, name{9, 9, "AF_X25"},
		name{8, 8, "AF_ATMPVC"}, name{7, 7, "AF_BRIDGE"}, name{6, 6, "AF_NETROM"}, name{5, 5, "AF_APPLETALK"}, name{4, 4, "AF_IPX"},
		name{3, 3, "AF_AX25"}, name{2, 2, "AF_INET"}, name{1, 1, "AF_LOCAL"}, name{1, 1, "AF_UNIX"}, name{0, 0, "AF_UNSPEC"},
	)
}

// shutdownNames are the halves that shutdown closes (sys/socket.h).
func shutdownNames() *Names {
	return choice(
		name{65535, 65535, "SHUT_UNKNOWN"}, name{2, 2, "SHUT_RDWR"}, name{1, 1, "SHUT_WR"}, name{0, 0, "SHUT_RD"},
	)
}

// levelNames are the levels of socket options that have names.
func levelNames() *Names {
	return choice(
		name{1, 1, "SOL_SOCKET"}, name{6, 2, "SOL_TCP"},
	)
}

// optionNames are the socket options of the level SOL_SOCKET (asm-generic/socket.h).
func optionNames() *Names {
	return choice(
		name{57, 53, "SO_COOKIE"}, name{55, 52, "SO_MEMINFO"}, name{59, 51, "SO_PEERGROUPS"}, name{50, 50, "SO_ATTACH_BPF"},
		name{49, 49, "SO_INCOMING_CPU"}, name{48, 48, "SO_BPF_EXTENSIONS"}, name{47, 47, "SO_MAX_PACING_RATE"}, name{46, 46, "SO_BUSY_POLL"},
		name{45, 45, "SO_SELECT_ERR_QUEUE"}, name{44, 44, "SO_LOCK_FILTER"}, name{43, 43, "SO_NOFCS"}, name{42, 42, "SO_PEEK_OFF"},
		name{41, 41, "SO_WIFI_STATUS"}, name{40, 40, "SO_RXQ_OVFL"}, name{39, 39, "SO_DOMAIN"}, name{38, 38, "SO_PROTOCOL"},
		name{37, 37, "SO_TIMESTAMPING"}, name{36, 36, "SO_MARK"}, name{35, 35, "SO_TIMESTAMPNS"}, name{34, 34, "SO_PASSSEC"},
		name{31, 31, "SO_PEERSEC"}, name{30, 30, "SO_ACCEPTCONN"}, name{29, 29, "SO_TIMESTAMP"}, name{28, 28, "SO_PEERNAME"},
		name{27, 27, "SO_DETACH_FILTER"}, name{26, 26, "SO_ATTACH_FILTER"}, name{25, 25, "SO_BINDTODEVICE"},
		name{24, 24, "SO_SECURITY_ENCRYPTION_NETWORK"}, name{23, 23, "SO_SECURITY_ENCRYPTION_TRANSPORT"},
		name{22, 22, "SO_SECURITY_AUTHENTICATION"}, name{21, 21, "SO_SNDTIMEO"}, name{20, 20, "SO_RCVTIMEO"}, name{19, 19, "SO_SNDLOWAT"},
		name{18, 18, "SO_RCVLOWAT"}, name{17, 17, "SO_PEERCRED"}, name{16, 16, "SO_PASSCRED"}, name{15, 15, "SO_REUSEPORT"},
		name{14, 14, "SO_BSDCOMPAT"}, name{13, 13, "SO_LINGER"}, name{12, 12, "SO_PRIORITY"}, name{11, 11, "SO_NO_CHECK"},
		name{10, 10, "SO_OOBINLINE"}, name{9, 9, "SO_KEEPALIVE"}, name{33, 33, "SO_RCVBUFFORCE"}, name{32, 32, "SO_SNDBUFFORCE"},
		name{8, 8, "SO_RCVBUF"}, name{7, 7, "SO_SNDBUF"}, name{6, 6, "SO_BROADCAST"}, name{5, 5, "SO_DONTROUTE"}, name{4, 4, "SO_ERROR"},
		name{3, 3, "SO_TYPE"}, name{2, 2, "SO_REUSEADDR"}, name{1, 1, "SO_DEBUG"},
	)
}
