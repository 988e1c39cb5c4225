"""Tests of the pages where admins connect trackers."""
