"""Tests of receiving and applying deliveries."""
