package org.telltale.session

import java.time.Instant
import org.telltale.engine.EngineEvent
import org.telltale.engine.Finding
import org.telltale.engine.Flow
import org.telltale.engine.Phase
import org.telltale.engine.PhaseMark
import org.telltale.engine.Severity

/** Where a session stands. */
sealed interface SessionState {
    /** Nothing was begun. */
    data object Idle : SessionState

    /** The engine is open, the tunnel not yet. */
    data object Preparing : SessionState

    /** Packets are seen. */
    data class Running(val phase: Phase, val since: Instant) : SessionState

    /** Watching has ended; the reports are being written. */
    data object Finishing : SessionState

    /** The reports are in the session of that [name]. */
    data class Done(val name: String) : SessionState

    /** Watching ended by itself. What was seen until then is in the session of that [name], if any was begun. */
    data class Failed(val reason: Failure, val text: String?, val name: String?) : SessionState
}

/** Why watching ended by itself. */
enum class Failure {
    /** The user has not allowed the VPN. */
    CONSENT,

    /** Another VPN took over, or the user switched this one off in the system's settings. */
    REVOKED,

    /** The tunnel could not be made, or broke. */
    TUNNEL,

    /** The engine failed. */
    ENGINE,

    /** The session's files could not be written. */
    STORAGE,
}

/** How many connections there were, and of them in clear, encrypted, neither. */
data class Counts(val flows: Int = 0, val readable: Int = 0, val encrypted: Int = 0, val unknown: Int = 0)

/** How the system holds the tunnel: begun by itself after the unlock, and nothing let past it. */
data class Hold(val alwaysOn: Boolean, val lockdown: Boolean)

/** Everything that a screen shows of a session, at one moment. Lists begin with the newest. */
data class SessionView(
    val state: SessionState = SessionState.Idle,
    val name: String? = null,
    val phases: List<PhaseMark> = emptyList(),
    val flows: List<Flow> = emptyList(),
    val findings: List<Finding> = emptyList(),
    val counts: Counts = Counts(),
    val troubles: List<EngineEvent.Trouble> = emptyList(),
    val recordingFailed: Boolean = false,
    val hold: Hold? = null,
) {
    /** Severity of the worst finding; null when there is none. */
    val worst: Severity? get() = findings.minOfOrNull { it.severity }

    /** True from the start until the reports are written. */
    val active: Boolean
        get() = state is SessionState.Preparing || state is SessionState.Running || state is SessionState.Finishing
}
