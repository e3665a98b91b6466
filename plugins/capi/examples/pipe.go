// stormtag from Go, through a pipe: sends events to a program and reads them enriched. Usage: pipe stormtag -c stormtag.toml enrich
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"os/exec"
)

const event = `{"ts":1705081509,"query":"www.harvest-mail.example"}`

func run(command []string) error {
	program := exec.Command(command[0], command[1:]...)
	program.Stderr = os.Stderr
	to, err := program.StdinPipe()
	if err != nil {
		return err
	}
	from, err := program.StdoutPipe()
	if err != nil {
		return err
	}
	if err := program.Start(); err != nil {
		return err
	}
	// In a goroutine of its own: the program may wait until somebody reads before it takes more.
	sent := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintln(to, event)
		to.Close()
		sent <- err
	}()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := <-sent; err != nil {
		return err
	}
	return program.Wait()
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}
