package org.telltale.engine

/** What the phone is doing; the words are those of the report's schema. */
enum class Phase(val word: String) {
    STARTED("started"),
    LOCKED_BOOT("locked_boot"),
    BOOT_COMPLETED("boot_completed"),
    NETWORK_UP("network_up"),
    NETWORK_DOWN("network_down"),
    SIM_LOADED("sim_loaded"),
    SIM_REMOVED("sim_removed"),
    SETUP_DONE("setup_done"),
    UNLOCK("unlock"),
    SCREEN_ON("screen_on"),
    SCREEN_OFF("screen_off"),
    STOPPED("stopped");

    companion object {
        /** The phase of that [word]; null for one that a newer engine knows. */
        fun of(word: String?): Phase? = entries.firstOrNull { it.word == word }
    }
}
