// stormtag from Go, by cgo: prints an event with what is known of it. Usage: enrich stormtag.toml
package main

// #cgo pkg-config: stormtag
// #include <stdlib.h>
// #include <stormtag.h>
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

// check runs a call, and gives what the library says if it failed. The last error is the thread's, so the goroutine stays on it.
func check(call func() uint32) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if call() != C.STORMTAG_STATUS_OK {
		return errors.New(C.GoString(C.stormtag_last_error()))
	}
	return nil
}

// Worker enriches for one goroutine at a time.
type Worker struct{ handle *C.stormtag_worker }

// EnrichJSON gives the line with what is known of it, and whether something matched.
func (w Worker) EnrichJSON(line []byte) (event []byte, matched bool, err error) {
	if len(line) == 0 {
		return nil, false, nil
	}
	var out *C.char
	var length, matches C.size_t
	err = check(func() uint32 {
		return C.stormtag_enrich_json(w.handle, (*C.char)(unsafe.Pointer(&line[0])), C.size_t(len(line)), &out, &length, &matches)
	})
	if err != nil {
		return line, false, err // the event is not lost
	}
	// Copied: it stays until the next call only.
	return C.GoBytes(unsafe.Pointer(out), C.int(length)), matches > 0, nil
}

func run(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var config *C.stormtag_config
	if err := check(func() uint32 { return C.stormtag_open(name, &config) }); err != nil {
		return err
	}
	defer C.stormtag_close(config)
	var worker Worker
	if err := check(func() uint32 { return C.stormtag_worker_open(config, &worker.handle) }); err != nil {
		return err
	}
	defer C.stormtag_worker_close(worker.handle)
	event, matched, err := worker.EnrichJSON([]byte(`{"ts":1705081509,"query":"www.harvest-mail.example"}`))
	if err == nil && !matched {
		err = errors.New("no match")
	}
	fmt.Println(string(event))
	return err
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
