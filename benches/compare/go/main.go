// Go's net/http, with its own file server.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
)

const maxBuffered = 4 << 20

func main() {
	http.HandleFunc("/plaintext", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, World!")
	})
	http.HandleFunc("/buffered", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBuffered))
		answer(w, int64(len(body)), err)
	})
	http.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		bytes, err := io.Copy(io.Discard, r.Body)
		answer(w, bytes, err)
	})
	http.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(os.Getenv("FILES")))))
	address := "127.0.0.1:" + os.Getenv("PORT")
	if certificate := os.Getenv("CERTIFICATE"); certificate != "" {
		server := http.Server{Addr: address, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
		fmt.Println(server.ListenAndServeTLS(certificate, os.Getenv("KEY")))
	} else {
		fmt.Println(http.ListenAndServe(address, nil))
	}
	os.Exit(1)
}

func answer(w http.ResponseWriter, bytes int64, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, bytes)
}
