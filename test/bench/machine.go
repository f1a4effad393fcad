package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes what the figures were taken on.
func machine(ctx context.Context, o options) []string {
	version := "unknown"
	if out, err := exec.CommandContext(ctx, o.bin, "version").Output(); err == nil {
		version = strings.Join(strings.Fields(string(out)), " ")
	}
	return []string{
		"date:     " + time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		"program:  " + version,
		fmt.Sprintf("CPU:      %s, %d cores", cpuModel(), runtime.NumCPU()),
		"memory:   " + memory(),
		"kernel:   " + kernel(),
		"Go:       " + runtime.Version() + " (of the measuring program)",
		"disk:     " + fileSystem(o.dir),
		"load:     " + load() + " before the start (of the last 1, 5, 15 minutes)",
	}
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value) + hypervisor(string(text))
		}
	}
	return runtime.GOARCH
}

func hypervisor(cpuinfo string) string {
	if strings.Contains(cpuinfo, " hypervisor") {
		return " (virtual machine)"
	}
	return ""
}

func memory() string {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

// fileSystem names the kind of file system that a folder is on.
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "unknown"
	}
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
		unix.TMPFS_MAGIC: "tmpfs: a sync costs nothing here, so durable figures mean nothing", unix.F2FS_SUPER_MAGIC: "f2fs",
	}
	if name, ok := names[int64(st.Type)]; ok { //nolint:unconvert // int32 on some architectures
		return name
	}
	return fmt.Sprintf("file system of type %#x", st.Type)
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
