"""Files of other tools, read back by those tools, and triangulation beside Pose2Sim's and aniposelib's."""
