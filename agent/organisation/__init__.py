"""An organisation on this computer: founding it, joining it, and everything its people do in it by their own signature."""
