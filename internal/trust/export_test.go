package trust

import (
	"os"
	"time"
)

// What the tests outside the package build forgeries with.
var (
	EncodeSSHArmour = encodeSSHArmour
	EncodePGPArmour = encodePGPArmour
	DecodeSSHArmour = decodeSSHArmour
	FramePacket     = framePacket
	SSHSignedText   = func(hashName string, digest []byte) []byte { return sshSignedText(sshNamespace, hashName, digest) }
)

// IsForeign tells whether an owner is neither root nor the user.
var IsForeign = isForeign

// Settled tells whether a file that was changed and read at these times needn't be
// read again.
func Settled(changed, readAt time.Time) bool { return fileStamp{changed: changed}.settled(readAt) }

// ReadAs reads a file after another was looked at in its place.
func ReadAs(path, lookedAt string) ([]byte, error) {
	info, err := os.Stat(lookedAt)
	if err != nil {
		return nil, err
	}
	stamp, err := stampOf(info)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, stamp)
}
