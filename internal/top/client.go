package top

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxReport bounds a line, in bytes: some hundred rows with long names.
const maxReport = 4 << 20

// Watch reads reports from a sensor's socket and gives each to show, until that or the context ends it: with nil then.
func Watch(ctx context.Context, path string, show func(*Report) (more bool, err error)) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("no sensor listens on %s; start one, or name its socket by --socket PATH", path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the sensor's socket %s is not open to this user; use sudo", path)
	case err != nil:
		return fmt.Errorf("connect to the sensor: %w", err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	pid := peer(conn)
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxReport)
	for lines.Scan() {
		var got struct {
			refusal
			Report
		}
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			return fmt.Errorf("read a report of the sensor's: %w", err)
		}
		if got.Error != "" {
			return fmt.Errorf("the sensor shows nothing: %s", got.Error)
		}
		got.Sensor.PID, got.Sensor.Socket = pid, path
		if more, err := show(&got.Report); err != nil || !more {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read a report of the sensor's: %w", err)
	}
	return fmt.Errorf("the sensor has ended: %w", io.ErrUnexpectedEOF)
}

// peer is the pid of the process that listens at the other end of a Unix socket; 0 if it is not known.
func peer(conn net.Conn) int32 {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var pid int32
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = cred.Pid
		}
	})
	return pid
}
