package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// normaliseText brings a text file's line ends to one form: lines end with LF,
// and so does the last one; empty lines at the end go. Anything else than
// printable ASCII is refused, so that nothing hides in a signature file.
func normaliseText(file []byte) ([]byte, error) {
	text := bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			return nil, fmt.Errorf("it contains the byte 0x%02x", c)
		}
	}
	text = bytes.TrimRight(text, "\n")
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	return append(bytes.Clone(text), '\n'), nil
}

// decodeBase64 reads standard base64 with correct padding; line breaks are
// allowed between characters, other white space isn't.
func decodeBase64(text []byte) ([]byte, error) {
	// Strict refuses bits after the last byte; without it one signature would
	// have several spellings.
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil {
		return nil, fmt.Errorf("it isn't base64: %w", err)
	}
	return raw, nil
}

// encodeLines returns base64 of raw in lines of that width, each ended by LF.
func encodeLines(raw []byte, width int) []byte {
	text := base64.StdEncoding.EncodeToString(raw)
	var b bytes.Buffer
	for len(text) > width {
		b.WriteString(text[:width])
		b.WriteByte('\n')
		text = text[width:]
	}
	b.WriteString(text)
	b.WriteByte('\n')
	return b.Bytes()
}

// between returns what stands between the begin line and the end line, which
// are the first and the last line of text.
func between(text, begin, end string) (string, error) {
	body, ok := strings.CutPrefix(text, begin+"\n")
	if !ok {
		return "", fmt.Errorf("its first line isn't %q", begin)
	}
	body, ok = strings.CutSuffix(body, end+"\n")
	if !ok {
		return "", fmt.Errorf("its last line isn't %q", end)
	}
	return body, nil
}

const (
	sshBegin = "-----BEGIN SSH SIGNATURE-----"
	sshEnd   = "-----END SSH SIGNATURE-----"
	pgpBegin = "-----BEGIN PGP SIGNATURE-----"
	pgpEnd   = "-----END PGP SIGNATURE-----"
	pemBegin = "-----BEGIN "

	sshColumns = 70 // as ssh-keygen writes
	pgpColumns = 64 // as gpg writes
	sigColumns = 76 // a .sig file
)

// decodeSSHArmour returns the blob of an armoured SSH signature. Only the text
// that encodeSSHArmour gives for that blob is taken.
func decodeSSHArmour(text []byte) ([]byte, error) {
	body, err := between(string(text), sshBegin, sshEnd)
	if err != nil {
		return nil, err
	}
	blob, err := decodeBase64([]byte(body))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(encodeSSHArmour(blob), text) {
		return nil, fmt.Errorf("its lines aren't broken after %d characters", sshColumns)
	}
	return blob, nil
}

// encodeSSHArmour returns the armoured text as ssh-keygen writes it.
func encodeSSHArmour(blob []byte) []byte {
	return []byte(sshBegin + "\n" + string(encodeLines(blob, sshColumns)) + sshEnd + "\n")
}

// decodePGPArmour returns the packets in an armoured OpenPGP signature. Headers
// "Version" and "Comment" are skipped: they aren't signed, therefore canonical
// evidence has none. The checksum must be there and right.
func decodePGPArmour(text []byte) ([]byte, error) {
	body, err := between(string(text), pgpBegin, pgpEnd)
	if err != nil {
		return nil, err
	}
	for {
		line, rest, ok := strings.Cut(body, "\n")
		if !ok {
			return nil, errors.New("the empty line after its headers is missing")
		}
		body = rest
		if line == "" {
			break
		}
		if !strings.HasPrefix(line, "Version: ") && !strings.HasPrefix(line, "Comment: ") {
			return nil, fmt.Errorf("it has the unknown header line %q", line)
		}
	}
	data, sum, ok := strings.Cut(body, "\n=")
	if !ok || len(sum) != 5 || sum[4] != '\n' {
		return nil, errors.New("its checksum line is missing")
	}
	packets, err := decodeBase64([]byte(data))
	if err != nil {
		return nil, err
	}
	if sum[:4] != checksum24(packets) {
		return nil, errors.New("its checksum is wrong")
	}
	return packets, nil
}

// encodePGPArmour returns the armoured text as gpg writes it: no headers, lines
// of 64 characters, a checksum.
func encodePGPArmour(packets []byte) []byte {
	return []byte(pgpBegin + "\n\n" + string(encodeLines(packets, pgpColumns)) + "=" + checksum24(packets) + "\n" + pgpEnd + "\n")
}

// checksum24 returns base64 of the CRC-24 of RFC 9580, section 6.1.1. It guards
// against accidents only.
func checksum24(data []byte) string {
	crc := uint32(0xB704CE)
	for _, c := range data {
		crc ^= uint32(c) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
	}
	return base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
}

// decodeCertificatePEM returns the DER of each certificate of a canonical PEM
// text: "CERTIFICATE" blocks as openssl writes them, without headers and with
// nothing between, before or after.
func decodeCertificatePEM(text []byte) ([][]byte, error) {
	var ders [][]byte
	for rest := text; len(rest) > 0; {
		block, tail := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("it isn't PEM to its end")
		}
		if len(ders) == maxChain {
			return nil, fmt.Errorf("it holds more than %d certificates", maxChain)
		}
		ders = append(ders, block.Bytes)
		rest = tail
	}
	if !bytes.Equal(encodeCertificatePEM(ders), text) {
		return nil, errors.New("it must be nothing but blocks \"-----BEGIN CERTIFICATE-----\" as `openssl x509` writes them, without headers or text around")
	}
	return ders, nil
}

// encodeCertificatePEM is the inverse of decodeCertificatePEM.
func encodeCertificatePEM(ders [][]byte) []byte {
	var b bytes.Buffer
	for _, der := range ders {
		// A PEM block without headers can't fail to be written to memory.
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return b.Bytes()
}

// printable returns text for messages: at most 200 characters, and nothing that
// a terminal would act upon.
func printable(text string) string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if runes := []rune(clean); len(runes) > 200 {
		return string(runes[:200]) + "..."
	}
	return clean
}
