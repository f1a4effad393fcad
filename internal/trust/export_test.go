package trust

import "time"

// What the tests outside the package build forgeries with.
var (
	EncodeSSHArmour = encodeSSHArmour
	EncodePGPArmour = encodePGPArmour
	DecodeSSHArmour = decodeSSHArmour
	FramePacket     = framePacket
	SSHSignedText   = func(hashName string, digest []byte) []byte { return sshSignedText(sshNamespace, hashName, digest) }
)

// Settled tells whether a file that was changed and read at these times needn't be
// read again.
func Settled(changed, readAt time.Time) bool { return fileStamp{changed: changed}.settled(readAt) }
