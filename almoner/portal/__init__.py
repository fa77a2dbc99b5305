"""The patient's own page: who is a patient logs in and sees what is theirs."""
