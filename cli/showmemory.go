package cli

import (
	"fmt"
	"runtime"
)

func memoryRows() []row {
	return []row{{Modes: execModes, Pattern: "show memory [json]", Help: []string{"", "Memory statistics"}, For: operators | viewers, Run: showMemory}}
}

// showMemory prints what the process has of the machine's memory, in the shape of
// FRR's first lines, which tools pick apart. The blocks of C's allocator have no
// counterpart: what the runtime holds in spans is shown in their place.
func showMemory(c *call, m *match) error {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	if m.Has("json") {
		c.json(map[string]uint64{
			"heapAllocatedBytes": s.HeapSys, "heapUsedBytes": s.HeapAlloc, "heapFreeBytes": s.HeapIdle - s.HeapReleased,
			"objects": s.HeapObjects, "fromSystemBytes": s.Sys, "goroutines": uint64(runtime.NumGoroutine()),
		})
		return nil
	}
	c.print("Memory statistics for bgpd:\nSystem allocator statistics:\n")
	c.print("  Total heap allocated:  %s\n", kib(s.HeapSys-s.HeapReleased))
	c.print("  Holding block headers: %s\n", kib(s.MSpanSys+s.MCacheSys+s.GCSys))
	c.print("  Used small blocks:     0 bytes\n")
	c.print("  Used ordinary blocks:  %s\n", kib(s.HeapAlloc))
	c.print("  Free small blocks:     0 bytes\n")
	c.print("  Free ordinary blocks:  %s\n", kib(s.HeapIdle-s.HeapReleased))
	c.print("  Ordinary blocks:       %d\n", s.HeapObjects)
	c.print("  Small blocks:          0\n  Holding blocks:        0\n")
	return nil
}

// kib prints a size as Quagga does.
func kib(n uint64) string {
	if n > 10<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
