"""What a patient sees, the letter's link, and who lets patients in."""
