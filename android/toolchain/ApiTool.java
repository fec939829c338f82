import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Keeps the app inside Android's public API.
 *
 * <pre>
 * ApiTool stub LIST[,ALLOWED] FRAMEWORK OUT
 *     writes a library to compile against that has what is public only: a hidden API does not compile
 * ApiTool check LIST[,ALLOWED] GUARD CLASSES
 *     finds every reference of the compiled classes that LIST lacks, inherited members too;
 *     methods annotated with GUARD ("-" for none) may have them: they are called after a check of the API level
 * </pre>
 *
 * LIST is a signature file of animal-sniffer. ALLOWED names what is public but newer than LIST, one a line.
 */
public final class ApiTool {
    private ApiTool() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 4) {
            System.err.println("usage: ApiTool stub LIST[,ALLOWED] FRAMEWORK OUT | check LIST[,ALLOWED] GUARD CLASSES");
            System.exit(2);
        }
        String[] files = arguments[1].split(",");
        ApiList list = ApiList.read(Path.of(files[0]));
        if (files.length > 1) {
            list.allow(Files.readAllLines(Path.of(files[1])));
        }
        switch (arguments[0]) {
            case "stub" -> {
                int written = new StubJar(list).write(Path.of(arguments[2]), Path.of(arguments[3]));
                System.out.println(written + " of " + list.size() + " public classes");
            }
            case "check" -> check(list, arguments[2], Path.of(arguments[3]));
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void check(ApiList list, String guard, Path folder) throws IOException {
        List<Path> files;
        try (var walk = Files.walk(folder)) {
            files = walk.filter(path -> path.toString().endsWith(".class")).sorted().toList();
        }
        List<byte[]> classes = new ArrayList<>();
        for (Path file : files) {
            classes.add(Files.readAllBytes(file));
        }
        Set<String> outside = new ReferenceCheck(list, guard.equals("-") ? null : guard).outside(classes);
        outside.forEach(System.out::println);
        if (classes.isEmpty()) {
            System.out.println("no classes in " + folder);
        }
        System.exit(outside.isEmpty() && !classes.isEmpty() ? 0 : 1);
    }
}
