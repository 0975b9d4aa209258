// Go's net/http as a client. Reads cases from stdin, one a line: URL FRAMING SIZE EXPECT; prints the status, or the error, of each.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// A reader of unknown length, which net/http sends in chunks.
type unsized struct{ io.Reader }

func main() {
	client := &http.Client{
		Timeout: 40 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 alone
		},
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var url, framing, expect string
		var size int
		fmt.Sscan(lines.Text(), &url, &framing, &size, &expect)
		fmt.Println(ask(client, url, framing, size, expect))
	}
}

func ask(client *http.Client, url, framing string, size int, expect string) string {
	var body io.Reader = bytes.NewReader(make([]byte, size))
	if framing == "chunked" {
		body = unsized{body}
	}
	request, err := http.NewRequest("POST", url, body)
	if err != nil {
		return err.Error()
	}
	if expect != "-" {
		request.Header.Set("Expect", expect)
	}
	response, err := client.Do(request)
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	return fmt.Sprint(response.StatusCode)
}
