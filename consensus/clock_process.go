package consensus

import "time"

var processStart = time.Now()

// processTime stands in for the boot time on a system that refuses the call.
func processTime() time.Duration { return time.Since(processStart) }
